"""Corruptions are planted in a real copy, one at a time, in every table that travels: what decides about a switch sees each of them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from cells.chat.domain.catalogue import chat_tables
from cells.runtime.transfer import travelling
from cells.runtime.transfer.moving.digests import digest
from cells.runtime.transfer.moving.owner import Owner
from chassis.clock import SystemClock
from chassis.identity import CellName, WorkspaceId, make_workspace_id
from control_plane.moves.digests import differing
from control_plane.moves.steps import Work
from control_plane.registry import Cell, CellState, Move, MoveState, MoveStep
from protos.cell.v1 import transfer_pb2
from tests.harness.corruption import STRANGER, Corruption, corruptions, sow, sown
from tests.harness.databases import FreshDatabase
from tests.slice.test_transfer import MOVE, a_side, copied

pytestmark = pytest.mark.anyio

TABLES = travelling(chat_tables())
CORRUPTIONS_MIN = 300
ORIGINAL = "cell-1"
KINDS = {"lost", "extra", "changed", "wrong tenant", "a stranger's", "JSON", "TOASTed", "NULL or empty"}


@dataclass(frozen=True)
class Doors:
    """The two cells' own digests: of the original as it was, of the copy within this test's transactions."""

    workspace_id: WorkspaceId
    copy: Owner
    original: transfer_pb2.DigestReply

    async def ask(self, cell: Cell, what: Callable[[Any], Awaitable[Any]]) -> Any:
        return self.original if cell.name == ORIGINAL else await what(Stub(self.copy, self.workspace_id))

    ask_transfer = ask


@dataclass(frozen=True)
class Stub:
    line: Owner
    workspace_id: WorkspaceId

    async def Digest(self, request: transfer_pb2.DigestRequest, timeout: float) -> transfer_pb2.DigestReply:
        return await digested(self.line, self.workspace_id)


async def digested(line: Owner, workspace_id: WorkspaceId) -> transfer_pb2.DigestReply:
    found = await digest(line, TABLES, workspace_id, ())
    return transfer_pb2.DigestReply(buckets=[transfer_pb2.Bucket(table=b.table, bucket=b.bucket, rows=b.rows, hash=b.hash) for b in found])


async def tables_that_differ(work: Work, copy: Owner, planted: Corruption | None) -> set[str]:
    """What a move would see of this one corruption, which is then taken back."""
    harmed = copy.transaction(isolation="repeatable_read")
    await harmed.start()
    try:
        if planted is not None:
            assert (await copy.execute(planted.statement, work.move.workspace_id)).endswith(" 1"), planted
        return {table for table, _ in await differing(work, ())}
    finally:
        await harmed.rollback()


@pytest.fixture
def two(make_cell_database: Callable[[], FreshDatabase]) -> tuple[FreshDatabase, FreshDatabase]:
    return make_cell_database(), make_cell_database()


async def test_every_planted_corruption_is_seen_before_a_switch(two: tuple[FreshDatabase, FreshDatabase]) -> None:
    async with a_side(two[0]) as a, a_side(two[1]) as b:
        ours = make_workspace_id()
        await a.ownership.admit(ours, "acme", "acme", 1)
        try:
            async with a.owner.connected(ours) as original, b.owner.connected(ours) as copy:
                each = await sown(original, TABLES)
                await sow(original, each, ours)
                await copied(a, b, ours)
                await sow(copy, each, STRANGER)
                await copy.execute("SET session_replication_role = replica")  # rows need not fit those of other tables
                work = a_work(ours, Doors(ours, copy, await digested(original, ours)))
                assert await tables_that_differ(work, copy, None) == set()
                planted = list(corruptions(each))
                unseen = [one for one in planted if await tables_that_differ(work, copy, one) != {one.table}]
        finally:
            for side in (b, a):  # a slot that is still followed cannot be dropped
                await side.moves.drop(MOVE, ours)
    assert unseen == []
    assert {one.table for one in planted} == {table.name for table in TABLES}
    assert {one.kind for one in planted} == KINDS
    assert len(planted) >= CORRUPTIONS_MIN


def a_work(workspace_id: WorkspaceId, doors: Doors) -> Work:
    source, target = (Cell(CellName(name), "", CellState.ACTIVE, False, 10, 1, 0) for name in (ORIGINAL, "cell-2"))
    born = datetime(2026, 1, 1, tzinfo=UTC)
    step, state = MoveStep.VERIFY, MoveState.RUNNING
    move = Move(MOVE, workspace_id, "acme", source.name, target.name, 1, step, state, 1, {}, "", born, None, 0, 0)
    return Work(move, source, target, doors, SystemClock())
