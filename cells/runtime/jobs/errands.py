"""Work that waits for its time and happens outside the database: bytes to remove, programs to run.

It cannot share a transaction with its row, so the row is put off by LEASE_S first: whoever dies over the work leaves a row that is
due again. The errand takes its row away (`drop_due`) in the change that stores what came of it, so that is stored once.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import structlog
from sqlalchemy import update

from cells.runtime.jobs.due import Task, look_for, of
from cells.runtime.log import Tenants, Transaction
from cells.runtime.log.tables import due
from cells.runtime.tenancy import NotExecuted
from cells.runtime.workload import Errand
from chassis.clock import Clock

POLL_S = 0.25
LEASE_S = 60.0
"""An errand is stopped after this, and done again."""
TOGETHER_MAX = 4
WAITING_MAX = 16


@dataclass(frozen=True, slots=True)
class Lease:
    """A change: put the row off, unless somebody has; says whether it was there as it was seen."""

    task: Task
    until_us: int

    async def apply(self, tx: Transaction) -> bool:
        as_seen = due.c.due_us == self.task.due_us
        leased = update(due).where(*of(tx.scope, self.task.name, self.task.key), as_seen).values(due_us=self.until_us)
        return bool((await tx.connection.execute(leased)).rowcount)


@dataclass
class Errands:
    """One a worker process; at most TOGETHER_MAX run at once in it."""

    errands: Mapping[str, Errand]
    tenants: Tenants
    clock: Clock
    _running: dict[tuple[str, str, str], "asyncio.Task[None]"] = field(default_factory=dict)

    async def run(self) -> None:
        """Until cancelled; what runs then is cancelled too, and due again."""
        try:
            while self.errands:
                await self._look_again()
                await asyncio.sleep(POLL_S)
        finally:
            for running in self._running.values():
                running.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _look_again(self) -> None:
        notes = structlog.get_logger("errands")
        try:
            await self.step()
        except NotExecuted as error:
            notes.warning("errands not looked for", error=str(error))
        except Exception:  # noqa: BLE001 - a worker that ends would leave everything undone
            notes.exception("errands not looked for")

    async def step(self) -> None:
        """Begin what is due, as far as there is room."""
        if len(self._running) >= TOGETHER_MAX:
            return
        for task in await look_for(self.tenants.database, self.errands, self.clock.now_us(), WAITING_MAX):
            key = (task.scope.workspace_id, task.name, task.key)
            if key not in self._running and len(self._running) < TOGETHER_MAX:
                running = self._running[key] = asyncio.create_task(self._do(task))
                running.add_done_callback(partial(self._forget, key))

    def _forget(self, key: tuple[str, str, str], _task: "asyncio.Task[None]") -> None:
        self._running.pop(key, None)

    async def settle(self) -> None:
        """Return when nothing runs any more."""
        while self._running:
            await asyncio.wait(tuple(self._running.values()))

    async def _do(self, task: Task) -> None:
        scope = task.scope
        try:
            tenant = self.tenants.require(scope.workspace_id, scope.epoch)
            if not await tenant.commit(Lease(task, self.clock.now_us() + int(LEASE_S * 1e6))):
                return
            async with asyncio.timeout(LEASE_S):
                await self.errands[task.name](tenant, task.key)
        except NotExecuted:
            return  # held, moved or busy: whoever owns the workspace finds the row
        except Exception as error:  # noqa: BLE001 - the row is due again when its lease ends
            structlog.get_logger("errands").warning(
                "an errand failed; it is done again", workspace_id=scope.workspace_id, name=task.name, key=task.key, error=repr(error)
            )
