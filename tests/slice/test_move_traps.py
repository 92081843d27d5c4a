"""Traps of logical replication that others have fallen into, each once: neighbours of a workspace that is moved notice nothing of it."""

import asyncio
from collections.abc import Callable

import pytest

from cells.runtime.transfer.moving import subscribing
from cells.runtime.transfer.moving.errors import CannotMove
from cells.runtime.transfer.moving.publishing import unpublish
from chassis.identity import WorkspaceId, make_workspace_id
from tests.harness.databases import FreshDatabase
from tests.harness.workspaces import execute
from tests.slice.test_transfer import MOVE, a_side, copied, say

pytestmark = pytest.mark.anyio


@pytest.fixture
def two(make_cell_database: Callable[[], FreshDatabase]) -> tuple[FreshDatabase, FreshDatabase]:
    return make_cell_database(), make_cell_database()


async def test_truncate_passes_row_filters_by_and_so_is_not_published(two: tuple[FreshDatabase, FreshDatabase]) -> None:
    """A TRUNCATE in the giving cell would empty the table of everybody who lives in the taking one."""
    async with a_side(two[0]) as a, a_side(two[1]) as b:
        ours, resident = make_workspace_id(), make_workspace_id()
        await a.ownership.admit(ours, "acme", "acme", 1)
        await b.ownership.admit(resident, "globex", "globex", 1)
        await say(b, resident, 3)
        await copied(a, b, ours)
        try:
            await execute(a.owner.url, "TRUNCATE log")
            await a.ownership.mark(ours, f"move:{MOVE}", 5)
            seen, _ = await b.moves.await_mark(MOVE, ours, 5, 30.0)
            assert seen, "the stream goes on behind the TRUNCATE"
            assert len(await execute(b.owner.url, "SELECT 1 FROM log WHERE workspace_id = $1", resident)) == 3
        finally:
            for side in (b, a):
                await side.moves.drop(MOVE, ours)


async def test_neighbours_change_and_delete_their_rows_while_a_filter_stands_on_the_table(two: tuple[FreshDatabase, FreshDatabase]) -> None:
    """A filter on a column outside the replica identity makes every other workspace's UPDATE and DELETE fail at once."""
    async with a_side(two[0]) as a:
        ours, neighbour = make_workspace_id(), make_workspace_id()
        for workspace_id in (ours, neighbour):
            await a.ownership.admit(workspace_id, workspace_id.lower(), workspace_id.lower(), 1)
            await say(a, workspace_id, 2)
        await a.moves.publish(MOVE, ours)
        try:
            async with a.owner.connected() as line, line.transaction():
                for table in a.moves.tables:
                    columns = [column.name for column in table.columns if not column.primary_key]
                    if columns:
                        changed = f'UPDATE "{table.name}" SET "{columns[0]}" = "{columns[0]}" WHERE workspace_id = $1'
                        await line.execute(changed, neighbour)
                    await line.execute(f'DELETE FROM "{table.name}" WHERE workspace_id = $1', neighbour)
                left = "SELECT count(*) FROM log WHERE workspace_id = $1"
                assert [await line.fetchval(left, workspace_id) for workspace_id in (neighbour, ours)] == [0, 2]
        finally:
            await a.moves.drop(MOVE, ours)


async def test_who_holds_a_slot_up_is_named(two: tuple[FreshDatabase, FreshDatabase], monkeypatch: pytest.MonkeyPatch) -> None:
    """A slot waits for every transaction that is open in its database, other workspaces' too."""
    monkeypatch.setattr(subscribing, "SLOT_S_MAX", 0.3)
    async with a_side(two[0]) as a:
        ours = make_workspace_id()
        await a.ownership.admit(ours, "acme", "acme", 1)
        source, _ = await a.moves.publish(MOVE, ours)
        try:
            async with a.owner.connected() as writer, writer.transaction():
                await writer.execute("CREATE TABLE held (n int)")
                pid = await writer.fetchval("SELECT pg_backend_pid()")
                with pytest.raises(CannotMove, match=rf"pid {pid} "):
                    await subscribing.make_slot(source, "waggle_mv_held_up")
        finally:
            await a.moves.drop(MOVE, ours)
        assert await execute(a.owner.url, "SELECT 1 FROM pg_replication_slots WHERE slot_name = 'waggle_mv_held_up'") == []


async def test_a_publication_that_goes_harms_nobody_who_is_just_looking_at_it(two: tuple[FreshDatabase, FreshDatabase]) -> None:
    """PostgreSQL lists a table's publications, then looks each of them up: `cache lookup failed` where one was dropped in between.

    A neighbour's change failed by it, and an apply worker, which came back after 5 s while people waited for it.
    """
    changed = "UPDATE log SET payload = payload || '' WHERE workspace_id = $1 AND seq = $2"
    async with a_side(two[0]) as a:
        moved, neighbour = [make_workspace_id() for _ in range(5)], make_workspace_id()
        for workspace_id in (*moved, neighbour):
            await a.ownership.admit(workspace_id, workspace_id.lower(), workspace_id.lower(), 1)
        await say(a, neighbour, 5)
        over, changes = asyncio.Event(), 0

        async def change(seq: int) -> None:
            nonlocal changes
            async with a.owner.connected(neighbour) as line:
                while not over.is_set():
                    await line.execute(changed, neighbour, seq)
                    changes += 1

        async def come_and_go(workspace_id: WorkspaceId) -> None:
            for number in range(12):
                await a.moves.publish(move_id := f"mv_{moved.index(workspace_id):06x}{number:06x}", workspace_id)
                await unpublish(a.owner, move_id)

        async with asyncio.TaskGroup() as neighbours:
            for seq in range(1, 6):
                neighbours.create_task(change(seq))
            await asyncio.gather(*map(come_and_go, moved))
            over.set()
        assert changes > 500
