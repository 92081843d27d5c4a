"""The proof that a workspace arrived whole: compared at one moment in both cells, and then whatever changed in either since.

It lives in a process of the taking cell, from the comparison to the switch. Whoever changes a row after that moment, at either
end, by the stream or past it, is told by that database's own log; so while the workspace is frozen only those rows are compared.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from sqlalchemy import Table

from cells.runtime.transfer.moving.changes import FOLLOWING_FAILURES, Changes, following
from cells.runtime.transfer.moving.comparing import Compared, Comparison
from cells.runtime.transfer.moving.cutting import cut_in_both, reading
from cells.runtime.transfer.moving.errors import CannotMove
from cells.runtime.transfer.moving.names import mark_of, slot_of, stream_of
from cells.runtime.transfer.moving.owner import Owner, OwnerDatabase, url_of
from cells.runtime.transfer.moving.pacing import Pace
from cells.runtime.transfer.ownership import CLOSED
from chassis.identity import WorkspaceId

IDLE_S_MAX = 900.0
CHANGES_LEFT_MAX = 200
"""More than so many changed rows are compared before anybody is made to wait; fewer take a moment."""
ROUNDS_MAX = 4
REST_S_MAX = 4.0
"""From the order to seal until all is known to be equal: people wait. The seal itself may take two of them."""
CUT_TOLD_S_MAX = 120.0
"""Of a log that is read from far back, as that of a move in its window is. Nobody waits for it, but what it has not told yet is not
counted among the rows that changed."""
WRITTEN_EVERY_S, WRITTEN_EVERY_S_MAX = 0.005, 0.1
WRITTEN_GROWTH = 1.3
APPLIED_EVERY_S, APPLIED_EVERY_S_MAX = 0.001, 0.05
APPLIED_GROWTH = 1.2

# A row once the mark is applied: where the log ends then; and the stream's commits are asked to the disk, where the copy's own log tells
# of them. A subscription leaves that to others: left alone it would be told 200 ms later (`wal_writer_delay`), and people wait.
_APPLIED = """
SELECT pg_logical_emit_message(false, 'waggle', '', true),
  (SELECT seq FROM log WHERE workspace_id = $1 ORDER BY seq DESC LIMIT 1) AS head
FROM cursors WHERE workspace_id = $1 AND name = $2 AND seq >= $3
"""


@dataclass
class Proof:
    """One comparison in progress, or done and kept up."""

    move_id: str
    workspace_id: WorkspaceId
    source: str
    compared: Compared = field(default_factory=Compared)
    problem: str = ""
    """Why the last attempt ended."""
    attempt: int = 1
    changes: tuple[Changes, ...] = ()
    lines: tuple[Owner, ...] = ()
    equal: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    pace: Pace = field(default_factory=Pace)
    rounds: int = 0
    """How often what had changed was compared since it last held."""
    nonce: str = field(default_factory=lambda: secrets.token_hex(4))
    """No two proofs have the same."""
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)

    @property
    def running(self) -> bool:
        return self.task is not None and not self.task.done()

    @property
    def changed(self) -> int:
        """Rows changed since the last moment that was compared."""
        return sum(map(len, self.changes))

    @property
    def holds(self) -> bool:
        """All was equal, and little has changed since, or as little as it will be, and nobody but the stream wrote to the copy."""
        few = self.changed <= CHANGES_LEFT_MAX or self.rounds >= ROUNDS_MAX
        return self.running and self.equal.is_set() and few and not _strange(self)

    async def look(self, wait_s: float) -> bool:
        """Whether it holds, after at most `wait_s`; what has changed meanwhile is compared."""
        if self.equal.is_set() and not self.holds:
            self.equal.clear()
        self.asked.set()
        assert self.task is not None
        equal = asyncio.ensure_future(self.equal.wait())
        try:
            await asyncio.wait({equal, self.task}, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            equal.cancel()
        if not self.holds:
            return False
        self.rounds = 0
        return True


async def prove(database: OwnerDatabase, tables: tuple[Table, ...], proof: Proof) -> None:
    """Until cancelled, or a difference is found, or nobody asks for `IDLE_S_MAX`; what came of it is in `proof`. Raises nothing."""
    try:
        async with _standing(database, tables, proof) as (original, copy):
            await _compare_all(database, tables, proof, original, copy)
            await _keep_up(database, tables, proof)
    except* FOLLOWING_FAILURES as errors:
        proof.problem = f"{type(errors.exceptions[0]).__name__}: {errors.exceptions[0]}"[:300]
    finally:
        proof.equal.clear()


async def keep_up(database: OwnerDatabase, tables: tuple[Table, ...], proof: Proof, held: AsyncExitStack) -> None:
    """As `prove`, where all was compared already; `held` are its lines and changes, closed at the end."""
    try:
        async with held:
            await _keep_up(database, tables, proof)
    except* FOLLOWING_FAILURES as errors:
        proof.problem = f"{type(errors.exceptions[0]).__name__}: {errors.exceptions[0]}"[:300]
    finally:
        proof.equal.clear()


async def _keep_up(database: OwnerDatabase, tables: tuple[Table, ...], proof: Proof) -> None:
    original, copy = proof.lines
    for line in proof.lines:  # what comes now is asked by key, again and again: planned once is enough
        await line.execute("SET plan_cache_mode = force_generic_plan")
    while not proof.compared.differs:
        proof.problem = ""
        proof.equal.set()
        async with asyncio.timeout(IDLE_S_MAX):
            await proof.asked.wait()
        proof.asked.clear()
        if not proof.equal.is_set():
            await _compare_changed(database, tables, proof, original, copy)


@dataclass(frozen=True, slots=True)
class Rest:
    """What had changed since all was equal, in a workspace that stands still."""

    differs: list[str]
    rows: int
    seq: int
    """Of the last event in the copy's log."""


async def compare_rest(tables: tuple[Table, ...], proof: Proof, number: int) -> Rest:
    """Waits for the seal with mark `number`, and until all that came before it is here. Nothing differs if it arrived whole.

    What the original's log tells up to the mark is compared once it is applied, while the copy's log is awaited; that tells of no
    other rows, unless somebody changed what the stream had not. Raises CannotMove without a proof, or where the mark does not come.
    """
    if not proof.running or not proof.equal.is_set() or len(proof.lines) != 2:
        raise CannotMove(f"nothing is proved for move {proof.move_id}: {proof.problem or 'it is compared still'}")
    try:
        async with asyncio.timeout(REST_S_MAX):
            return await _compare_rest(tables, proof, number)
    except TimeoutError:
        raise CannotMove(f"the last change was not here within {REST_S_MAX:.0f} s") from None


async def _compare_rest(tables: tuple[Table, ...], proof: Proof, number: int) -> Rest:
    (there, here), (original, copy), mark = proof.changes, proof.lines, mark_of(proof.move_id)
    comparison = Comparison(original, copy, proof.workspace_id, found := Compared())
    await there.await_mark(mark, number, REST_S_MAX)
    seq = await _applied(proof, mark, number)
    keys = there.peek() | here.peek()
    told = asyncio.create_task(here.await_mark(mark, number, REST_S_MAX))
    try:
        await comparison.of_keys(tables, keys)
        await told
    finally:
        told.cancel()
        await asyncio.wait({told})
    more = here.peek() - keys
    await comparison.of_keys(tables, more)
    return Rest([*found.differs, *_strange(proof)], len(keys) + len(more), seq)


async def _applied(proof: Proof, mark: str, number: int) -> int:
    """Where the copy's log ends, once the stream has brought the mark."""
    pause_s = APPLIED_EVERY_S
    while (row := await proof.lines[1].fetchrow(_APPLIED, proof.workspace_id, mark, number)) is None:
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * APPLIED_GROWTH, APPLIED_EVERY_S_MAX)
    return row["head"] or 0


async def _await_told(proof: Proof, mark: str, number: int, timeout_s: float) -> None:
    """Until both databases have told all that came before the mark. Raises CannotMove.

    A subscription commits without waiting for the disk, and a log tells what is on disk: left alone, the copy's would tell 200 ms
    later (`wal_writer_delay`), and people may wait.
    """
    told = [asyncio.create_task(changes.await_mark(mark, number, timeout_s)) for changes in proof.changes]
    waiting, pause_s = set(told), WRITTEN_EVERY_S
    try:
        while waiting:
            await proof.lines[1].execute("SELECT pg_logical_emit_message(false, 'waggle', '', true)")
            _, waiting = await asyncio.wait(waiting, timeout=pause_s)
            pause_s = min(pause_s * WRITTEN_GROWTH, WRITTEN_EVERY_S_MAX)
    finally:
        for task in told:
            task.cancel()
        await asyncio.wait(told)
    for task in told:
        task.result()


async def rehearse(tables: tuple[Table, ...], proof: Proof) -> None:
    """Ask what will be asked in the freeze, so that it is planned and its pages are read before anybody waits for it."""
    original, copy = proof.lines
    await copy.fetchrow(_APPLIED, proof.workspace_id, mark_of(proof.move_id), CLOSED)
    keys = proof.changes[0].peek() | proof.changes[1].peek()
    await Comparison(original, copy, proof.workspace_id, Compared()).of_keys(tables, keys)


def _strange(proof: Proof) -> list[str]:
    """A row that was written in the copy past its stream may go back to the original by the other stream: both would be wrong alike."""
    local = proof.changes[1].local
    return [f"the copy, where {local} rows were changed by somebody else"] if local else []


@asynccontextmanager
async def _standing(database: OwnerDatabase, tables: tuple[Table, ...], proof: Proof) -> AsyncIterator[tuple[Owner, Owner]]:
    """Both databases' changes followed, and a connection to either."""
    name = stream_of(proof.move_id)
    theirs = slot_of(proof.move_id, dict(word.split("=", 1) for word in proof.source.split())["dbname"])
    ours = slot_of(proof.move_id, database.database)
    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(following(url_of(proof.source), f"{theirs}_p", name, tables, copied_from=theirs))
        here = await stack.enter_async_context(following(database.url, f"{ours}_p", name, tables))
        original = await stack.enter_async_context(reading(proof.source))
        copy = await stack.enter_async_context(database.connected(proof.workspace_id))
        await copy.execute("SET timezone = 'UTC'")
        proof.changes, proof.lines = (there, here), (original, copy)
        yield original, copy


async def _compare_all(database: OwnerDatabase, tables: tuple[Table, ...], proof: Proof, original: Owner, copy: Owner) -> None:
    async with cut_in_both(proof.source, original, database, copy, proof.move_id, proof.workspace_id) as mark:
        await Comparison(original, copy, proof.workspace_id, proof.compared, proof.pace).whole(tables)
    await _await_told(proof, mark, 0, CUT_TOLD_S_MAX)


async def _compare_changed(database: OwnerDatabase, tables: tuple[Table, ...], proof: Proof, original: Owner, copy: Owner) -> None:
    """At a new moment. Taken before it, the keys are of changes before it; what is told later is looked at again."""
    for changes in proof.changes:
        changes.check()
    keys = proof.changes[0].take() | proof.changes[1].take()
    async with cut_in_both(proof.source, original, database, copy, proof.move_id, proof.workspace_id) as mark:
        await Comparison(original, copy, proof.workspace_id, proof.compared, proof.pace).of_keys(tables, keys)
    await _await_told(proof, mark, 0, CUT_TOLD_S_MAX)
    proof.compared.differs += _strange(proof)
    proof.rounds += 1
