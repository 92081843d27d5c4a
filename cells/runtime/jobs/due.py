"""Work that waits for its time: a row says when, and a worker does it in the transaction that takes the row away.

So it is done once, whoever dies when: until COMMIT the row is there and nothing was done, after it both are over. The row
belongs to its workspace: it moves with it, and while a move holds the workspace the fence holds the work too.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from prometheus_client import Counter, Histogram
from sqlalchemy import ColumnElement, delete, text, update
from sqlalchemy.dialects.postgresql import insert

from cells.runtime.log import Transaction, WorkspaceLog
from cells.runtime.log.tables import due
from cells.runtime.tenancy import Database, NotExecuted, TenantScope
from cells.runtime.workload import DueHandle
from chassis.clock import Clock
from chassis.identity import WorkspaceId

POLL_S = 0.25
TAKEN_MAX = 500
"""Rows of one look, those due longest first."""
EACH_WORKSPACE_MAX = 100
RETRY_FIRST_S, RETRY_S_MAX = 1.0, 300.0

LATE_SECONDS = Histogram("waggle_due_late_seconds", "How late due work was done", buckets=(0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300, 3600))
FAILED = Counter("waggle_due_failed_total", "Due work that failed and is tried again later")


async def plan_due(tx: Transaction, name: str, key: str, due_us: int) -> None:
    """The work `name` of `key` is done at `due_us` or soon after; planned again, the last time counts."""
    planned = insert(due).values(workspace_id=tx.scope.workspace_id, name=name, key=key, due_us=due_us)
    await tx.connection.execute(
        planned.on_conflict_do_update(index_elements=["workspace_id", "name", "key"], set_={"due_us": planned.excluded.due_us})
    )


async def drop_due(tx: Transaction, name: str, key: str) -> bool:
    """Whether it was planned."""
    return bool((await tx.connection.execute(delete(due).where(*of(tx.scope, name, key)))).rowcount)


@dataclass(frozen=True, slots=True)
class Task:
    scope: TenantScope
    name: str
    key: str
    due_us: int


@dataclass(frozen=True, slots=True)
class DoDue:
    """A change: take the row and do the work, or neither. Answers whether the row was there still."""

    task: Task
    handle: DueHandle

    async def apply(self, tx: Transaction) -> bool:
        task = self.task
        taken = await tx.connection.execute(delete(due).where(*of(tx.scope, task.name, task.key), due.c.due_us <= task.due_us))
        if not taken.rowcount:
            return False
        await self.handle(tx, task.key)
        return True

    @classmethod
    async def apply_many(cls, tx: Transaction, changes: Sequence["DoDue"]) -> list[bool]:
        """What raises makes the log apply each by itself."""
        return [await change.apply(tx) for change in changes]


@dataclass(frozen=True, slots=True)
class Postpone:
    task: Task
    until_us: int

    async def apply(self, tx: Transaction) -> None:
        of_task = of(tx.scope, self.task.name, self.task.key)
        await tx.connection.execute(update(due).where(*of_task).values(due_us=self.until_us))


@dataclass
class DueWork:
    """One a worker process; several in a cell do each other no harm: who comes second finds the row gone."""

    handlers: Mapping[str, DueHandle]
    database: Database
    log: WorkspaceLog
    clock: Clock
    _tries: dict[tuple[str, str, str], int] = field(default_factory=dict)

    async def run(self) -> None:
        """Until cancelled. Looks again at once while there is more than one look takes."""
        notes = structlog.get_logger("due")
        while True:
            try:
                looked = await self.step()
            except NotExecuted as error:
                looked = 0
                notes.warning("due work not looked for", error=str(error))
            except Exception:  # noqa: BLE001 - a worker that ends would leave everything undone
                looked = 0
                notes.exception("due work not looked for")
            if looked < TAKEN_MAX:
                await asyncio.sleep(POLL_S)

    async def step(self) -> int:
        """Do what is due now; returns how many rows were looked at."""
        tasks = await self._look()
        await asyncio.gather(*(self._do(task) for task in tasks))
        return len(tasks)

    async def _look(self) -> list[Task]:
        return await look_for(self.database, self.handlers, self.clock.now_us(), TAKEN_MAX)

    async def _do(self, task: Task) -> None:
        try:
            done = await self.log.commit(task.scope, DoDue(task, self.handlers[task.name]))
        except NotExecuted:
            return  # held, moved or busy: whoever owns the workspace finds the row
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing was stored and the row is there
            await self._fail(task, error)
            return
        if done:
            LATE_SECONDS.observe(max(0.0, (self.clock.now_us() - task.due_us) / 1e6))
        self._tries.pop((task.scope.workspace_id, task.name, task.key), None)

    async def _fail(self, task: Task, error: Exception) -> None:
        """Out of the way of others, for longer each time."""
        FAILED.inc()
        key = (task.scope.workspace_id, task.name, task.key)
        tries = self._tries[key] = self._tries.get(key, 0) + 1
        if len(self._tries) > TAKEN_MAX:
            self._tries.clear()
        delay_s = min(RETRY_S_MAX, RETRY_FIRST_S * 2 ** min(tries - 1, 16))
        structlog.get_logger("due").warning(
            "due work failed; it is tried again", workspace_id=task.scope.workspace_id, name=task.name, key=task.key, error=repr(error)
        )
        try:
            await self.log.commit(task.scope, Postpone(task, self.clock.now_us() + int(delay_s * 1e6)))
        except Exception as again:  # noqa: BLE001 - then it is tried at the next look
            structlog.get_logger("due").warning("due work not postponed", error=repr(again))


async def look_for(database: Database, names: Iterable[str], now_us: int, limit: int) -> list[Task]:
    """What of these names is due in any workspace that is active here; those due longest first."""
    values = {"now": now_us, "names": list(names), "n": limit, "each": EACH_WORKSPACE_MAX}
    async with database.census() as connection:
        rows = (await connection.execute(_DUE, values)).all()
    return [Task(TenantScope(WorkspaceId(row.workspace_id), row.epoch), row.name, row.key, row.due_us) for row in rows]


def of(scope: TenantScope, name: str, key: str) -> tuple[ColumnElement[bool], ...]:
    return due.c.workspace_id == scope.workspace_id, due.c.name == name, due.c.key == key


_DUE = text(
    "SELECT workspace_id, epoch, name, key, due_us FROM (SELECT d.*, t.epoch, row_number() OVER"
    " (PARTITION BY d.workspace_id ORDER BY d.due_us) AS place FROM due d"
    " JOIN tenancy t ON t.workspace_id = d.workspace_id AND t.state = 'active'"
    " WHERE d.due_us <= :now AND d.name = ANY(CAST(:names AS text[]))) waiting WHERE place <= :each ORDER BY due_us LIMIT :n"
)
