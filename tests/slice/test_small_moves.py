"""What a small workspace is spared on its way, and what it is not: it is proved as any other, and nobody stands in another's way."""

import asyncio
from collections.abc import Callable

import pytest

from cells.runtime.transfer.moving import copying, proving
from cells.runtime.transfer.moving.names import slot_of
from chassis.identity import make_workspace_id
from control_plane.moves import MoveRefused
from control_plane.registry import MoveState
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.fleet import a_fleet, controlled, killed_at
from tests.harness.workspaces import execute
from tests.slice.test_proofs import HARMS, moving
from tests.slice.test_transfer import MOVE, a_side, compared, say

pytestmark = pytest.mark.anyio

FEW = 300
FOLLOWED = "SELECT subname FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid AND d.datname = current_database()"


@pytest.fixture
def two(make_cell_database: Callable[[], FreshDatabase]) -> tuple[FreshDatabase, FreshDatabase]:
    return make_cell_database(), make_cell_database()


async def test_a_small_copy_is_compared_at_its_own_moment_and_kept_up(
    two: tuple[FreshDatabase, FreshDatabase], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proving, "cut_in_both", None)  # no second moment is asked for
    async with moving(two, FEW) as it:
        await say(it.a, it.ours, 20)
        assert await it.proved() == []
        await say(it.a, it.ours, 20)
        assert await it.sealed(7) == []


async def test_what_goes_wrong_in_a_small_copy_after_its_moment_is_refused_before_anybody_waits(
    two: tuple[FreshDatabase, FreshDatabase],
) -> None:
    async with moving(two, FEW) as it:
        assert await it.proved() == []
        await it.harmed(it.b, HARMS["changed"])
        (row, somebody) = await eventually(it.proved, 30)
        assert row.startswith("log (1 row: -")
        assert "somebody else" in somebody


async def test_a_copy_that_was_interrupted_once_it_was_compared_goes_on_and_is_proved(
    two: tuple[FreshDatabase, FreshDatabase], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_side(two[0]) as a, a_side(two[1]) as b:
        ours = make_workspace_id()
        await a.ownership.admit(ours, "acme", "acme", 1)
        await say(a, ours, 20)
        connection, row = await a.moves.publish(MOVE, ours)
        await b.ownership.receive(ours, row.epoch, row.secret, row.name, row.subdomain)
        with monkeypatch.context() as broken:
            broken.setattr(copying, "subscribe", unreachable)
            _, attempt = await b.moves.copy(MOVE, ours, connection, wait_s=30)
            assert "unreachable" in attempt.problem
        assert any(name.startswith("publication") for name in await b.moves.leftovers())
        await execute(a.owner.url, "UPDATE log SET payload = 'changed' WHERE seq = 3 AND workspace_id = $1", ours)
        async with a.owner.connected(ours) as line:  # nothing of it is left to go on from: it begins anew, whatever it published
            await line.execute(f"SELECT pg_drop_replication_slot('{slot_of(MOVE, a.owner.database)}')")
        done, again = await b.moves.copy(MOVE, ours, connection, wait_s=30)
        assert done, again.problem
        assert (await compared(a, b, ours)).differs == []
        for side in (b, a):
            await side.moves.drop(MOVE, ours)
            assert await side.moves.leftovers() == []


async def unreachable(*_given: object) -> None:
    raise OSError("unreachable")


async def test_moves_that_begin_together_write_nothing_that_is_the_tables_own(two: tuple[FreshDatabase, FreshDatabase]) -> None:
    """Rights of its own for each move's role were rows of the catalogue that two moves would both change: one of them failed."""
    own = "SELECT relname, xmin::text FROM pg_class WHERE relname IN ('log', 'cursors', 'tenancy') ORDER BY relname"
    async with a_side(two[0]) as a:
        ours = [make_workspace_id() for _ in range(4)]
        for workspace_id in ours:
            await a.ownership.admit(workspace_id, workspace_id.lower(), workspace_id.lower(), 1)
        moves = [f"mv_{number:012x}" for number in range(4)]
        await asyncio.gather(*(a.moves.publish(move_id, workspace_id) for move_id, workspace_id in zip(moves, ours, strict=True)))
        before = await execute(a.owner.url, own)
        for move_id, workspace_id in zip(moves, ours, strict=True):
            await a.moves.drop(move_id, workspace_id)
        await a.moves.publish(MOVE, ours[0])
        await a.moves.drop(MOVE, ours[0])
        assert await execute(a.owner.url, own) == before
        assert await a.moves.leftovers() == []


async def test_a_move_without_a_window_has_no_way_back(control_database: FreshDatabase, two: tuple[FreshDatabase, FreshDatabase]) -> None:
    async with a_fleet(control_database, two) as fleet:
        workspace_id = await fleet.workspace("acme", posts=5)
        move = await fleet.desk.start("acme", "cell-b", 0)
        await killed_at(fleet, "window.before")
        assert await execute(fleet.sides["cell-a"].fresh.owner_url, FOLLOWED) == []
        with pytest.raises(MoveRefused, match="without a window"):
            await fleet.desk.rollback("acme")
        async with controlled(fleet.controller()):
            assert (await fleet.ended(move.id)).state is MoveState.DONE
        assert await fleet.require_sound(workspace_id, 5) == "cell-b"


async def test_a_move_in_its_window_is_kept_by_nobody_until_that_is_over(
    control_database: FreshDatabase, two: tuple[FreshDatabase, FreshDatabase]
) -> None:
    """It took a lease and gave it back at every look: with an hour's moves in their windows, hundreds of commits a second."""
    async with a_fleet(control_database, two) as fleet:
        workspace_id = await fleet.workspace("acme", posts=5)
        move = await fleet.desk.start("acme", "cell-b", 600)

        async def is_in_window() -> bool:
            return (await fleet.registry.moves.require(move.id)).state is MoveState.WINDOW

        async with controlled(fleet.controller()):
            await eventually(is_in_window)
        (held,) = await execute(control_database.owner_url, "SELECT lease_until FROM moves")
        another = fleet.controller()
        await another._sweep()
        assert not another._tasks
        assert await execute(control_database.owner_url, "SELECT lease_until FROM moves") == [held]
        assert len(await execute(fleet.sides["cell-a"].fresh.owner_url, FOLLOWED)) == 1
        await fleet.desk.finish("acme")
        async with controlled(fleet.controller()):
            assert (await fleet.ended(move.id)).state is MoveState.DONE
        assert await fleet.require_sound(workspace_id, 5) == "cell-b"
