"""Corruptions are planted in a real copy, one at a time, in every table that travels: what decides about a switch sees each of them."""

from collections.abc import Callable

import pytest

from cells.chat.domain.catalogue import chat_tables
from cells.runtime.transfer import travelling
from cells.runtime.transfer.moving.comparing import Compared, Comparison
from cells.runtime.transfer.moving.owner import Owner
from cells.runtime.transfer.moving.pacing import Pace
from chassis.identity import WorkspaceId, make_workspace_id
from tests.harness.corruption import STRANGER, Corruption, corruptions, sow, sown
from tests.harness.databases import FreshDatabase
from tests.slice.test_proofs import MANY, moving
from tests.slice.test_transfer import MOVE, Side, a_side, copied

pytestmark = pytest.mark.anyio

TABLES = travelling(chat_tables())
CORRUPTIONS_MIN = 300
KINDS = {"lost", "extra", "changed", "wrong tenant", "a stranger's", "JSON", "TOASTed", "NULL or empty"}
MANY_MORE = (
    "INSERT INTO log (workspace_id, seq, ts_us, kind, audience, payload)"
    " SELECT $1, n, n, 'many', ARRAY['C1'], '' FROM generate_series(100000, 106000) AS n"
)
"""So that the workspace is larger than what is compared as a whole."""


BESIDE_PEOPLE = 0.99
"""Speed of a comparison: the least below full, from which on it takes one side after the other, in portions."""


async def tables_that_differ(
    original: Owner, copy: Owner, workspace_id: WorkspaceId, planted: Corruption | None, speed: float = 1.0
) -> set[str]:
    """What a comparison sees of this one corruption, which is then taken back."""
    harmed = copy.transaction(isolation="repeatable_read")
    await harmed.start()
    try:
        if planted is not None:
            assert (await copy.execute(planted.statement, workspace_id)).endswith(" 1"), planted
        found = Compared()
        await Comparison(original, copy, workspace_id, found, Pace(speed)).whole(TABLES)
        return {differs.partition(" ")[0] for differs in found.differs}
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
                await original.execute(MANY_MORE, ours)
                await copied(a, b, ours)
                await sow(copy, each, STRANGER)
                await copy.execute("SET session_replication_role = replica")  # rows need not fit those of other tables
                assert await tables_that_differ(original, copy, ours, None) == set()
                planted = list(corruptions(each))
                unseen = [one for one in planted if await tables_that_differ(original, copy, ours, one) != {one.table}]
                assert await tables_that_differ(original, copy, ours, None, BESIDE_PEOPLE) == set()
                large = [one for one in planted if one.table == "log"]
                unseen += [one for one in large if await tables_that_differ(original, copy, ours, one, BESIDE_PEOPLE) != {one.table}]
        finally:
            for side in (b, a):  # a slot that is still followed cannot be dropped
                await side.moves.drop(MOVE, ours)
    assert unseen == []
    assert {one.table for one in planted} == {table.name for table in TABLES}
    assert {one.kind for one in planted} == KINDS
    assert len(planted) >= CORRUPTIONS_MIN


async def test_corruption_planted_in_every_table_after_all_was_equal_is_seen_in_the_freeze(
    two: tuple[FreshDatabase, FreshDatabase],
) -> None:
    """Committed in the copy, where nobody compares any more: its own log tells which rows to look at."""
    async with moving(two, MANY, also=every_table) as it:
        assert await it.proved() == []
        async with it.b.owner.connected(it.ours) as copy, copy.transaction():
            await copy.execute("SET LOCAL session_replication_role = replica")
            each = await sown(copy, TABLES)
            first = {one.table: one for number, one in enumerate(corruptions(each)) if number % 3 or one.kind == "lost"}
            for planted in first.values():
                assert (await copy.execute(planted.statement, it.ours)).endswith(" 1"), planted
        seen = await it.sealed(7)
    assert {differs.partition(" ")[0] for differs in seen} >= {table.name for table in TABLES}


async def every_table(a: Side, b: Side, workspace_id: WorkspaceId) -> None:
    async with a.owner.connected(workspace_id) as line:
        await sow(line, await sown(line, TABLES), workspace_id)
    async with b.owner.connected() as line:
        await sow(line, await sown(line, TABLES), STRANGER)
