"""Moves between two real cells: a controller that dies at any edge of any step, corruption that is found, wishes to turn back."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from cells.runtime.tenancy import Frozen, Incoming, TenantScope
from cells.runtime.transfer.moving import Moves
from control_plane.moves import MoveRefused, Reaper
from control_plane.registry import Conflict, MoveState, MoveStep
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.fleet import Fleet, a_fleet, controlled, killed_at
from tests.harness.workspaces import Say, execute

pytestmark = pytest.mark.anyio

STEPS = (MoveStep.PREPARE, MoveStep.COPY, MoveStep.CATCH_UP, MoveStep.VERIFY, MoveStep.ARM, MoveStep.FREEZE, MoveStep.OPEN)
LATER = (MoveStep.FINISH, MoveStep.PURGE)
EDGES = [f"{step}.{edge}" for step in (*STEPS, *LATER) for edge in ("before", "after")] + ["sealed", "seen"]
HARMS = (
    ("log", "DELETE FROM log WHERE seq = 3 AND workspace_id = $1"),
    ("log", "UPDATE log SET payload = 'other' WHERE seq = 3 AND workspace_id = $1"),
    ("log", "UPDATE log SET workspace_id = 'T0STRANGER' WHERE seq = 3 AND workspace_id = $1"),
    ("due", "INSERT INTO due (workspace_id, name, key, due_us) VALUES ($1, 'extra', 'row', 1)"),
)
"""What is done to the copy, and where it is found. tests/slice/test_corruptions.py does more of it to every table, without a move each."""


@pytest.fixture
def two(make_cell_database: Callable[[], FreshDatabase]) -> tuple[FreshDatabase, FreshDatabase]:
    return make_cell_database(), make_cell_database()


async def is_in_window(fleet: Fleet, move_id: str) -> bool:
    return (await fleet.registry.moves.require(move_id)).state is MoveState.WINDOW


async def test_a_controller_that_dies_at_any_edge_leaves_a_move_that_ends_by_itself_neon_11291(
    control_database: FreshDatabase, two: tuple[FreshDatabase, FreshDatabase]
) -> None:
    async with a_fleet(control_database, two) as fleet:
        for number, edge in enumerate(EDGES):
            workspace_id = await fleet.workspace(f"acme-{number}", posts=5)
            move = await fleet.desk.start(workspace_id, "cell-b", 0)
            await killed_at(fleet, edge)
            async with controlled(fleet.controller()):
                ended = await fleet.ended(move.id)
            assert ended.state in (MoveState.DONE, MoveState.UNDONE), edge
            lives_in = await fleet.require_sound(workspace_id, 5)
            assert lives_in == ("cell-b" if ended.state is MoveState.DONE else "cell-a"), edge


async def test_a_row_that_went_wrong_is_found_before_the_switch(
    control_database: FreshDatabase, two: tuple[FreshDatabase, FreshDatabase]
) -> None:
    async with a_fleet(control_database, two) as fleet:
        for number, (table, harm) in enumerate(HARMS):
            workspace_id = await fleet.workspace(f"acme-{number}", posts=9)
            move = await fleet.desk.start(workspace_id, "cell-b", 0)
            await killed_at(fleet, "catch_up.before")
            await execute(fleet.sides["cell-b"].fresh.owner_url, harm, workspace_id)
            async with controlled(fleet.controller()):
                ended = await fleet.ended(move.id)
            assert ended.state is MoveState.UNDONE
            assert f"differ in {table}" in ended.problem
            assert await fleet.require_sound(workspace_id, 9) == "cell-a"


async def test_abort_before_the_decision_and_never_after(control_database: FreshDatabase, two: tuple[FreshDatabase, FreshDatabase]) -> None:
    async with a_fleet(control_database, two) as fleet:
        workspace_id = await fleet.workspace("acme")
        move = await fleet.desk.start(workspace_id, "cell-b", 60)
        await killed_at(fleet, "arm.after")
        with pytest.raises(Conflict, match=f"is being moved already to cell-b by {move.id}, which is at"):
            await fleet.desk.start(workspace_id, "cell-b", 0)
        await fleet.desk.abort("acme")
        async with controlled(fleet.controller()):
            assert (await fleet.ended(move.id)).state is MoveState.UNDONE
        assert await fleet.require_sound(workspace_id, 20) == "cell-a"
        again = await fleet.desk.start(workspace_id, "cell-b", 60)
        await killed_at(fleet, "open.before")
        with pytest.raises(MoveRefused, match="too late to abort"):
            await fleet.desk.abort("acme")
        async with controlled(fleet.controller()):
            await eventually(partial(is_in_window, fleet, again.id))
            assert any("could still be rolled back" in blocker for blocker in (await fleet.desk.plan("acme", "cell-a")).blockers)
            await fleet.desk.finish("acme")
            assert (await fleet.ended(again.id)).state is MoveState.DONE


async def test_a_stream_made_late_holds_up_no_undoing(control_database: FreshDatabase, two: tuple[FreshDatabase, FreshDatabase]) -> None:
    """Found by the search over every state: rows that are still published are not deleted, so the move never ended."""
    async with a_fleet(control_database, two) as fleet:
        workspace_id = await fleet.workspace("acme")
        move = await fleet.desk.start(workspace_id, "cell-b", 0)
        await killed_at(fleet, "copy.after")
        await fleet.desk.abort("acme")
        await killed_at(fleet, "undo.after")
        for side in fleet.sides.values():
            await side.moves.publish(move.id, workspace_id)
        async with controlled(fleet.controller()):
            assert (await fleet.ended(move.id)).state is MoveState.UNDONE
        assert await fleet.require_sound(workspace_id, 20) == "cell-a"


async def test_the_reaper_takes_what_came_after_the_end_and_nothing_else(
    control_database: FreshDatabase, two: tuple[FreshDatabase, FreshDatabase]
) -> None:
    async with a_fleet(control_database, two) as fleet:
        ended_in, moving, reaper = await fleet.workspace("acme"), await fleet.workspace("bees"), Reaper(fleet.registry, fleet.doors)
        ended = await fleet.desk.start(ended_in, "cell-b", 0)
        await killed_at(fleet, "copy.before")
        await fleet.desk.abort("acme")
        async with controlled(fleet.controller()):
            await fleet.ended(ended.id)
        running = await fleet.desk.start(moving, "cell-b", 0)
        await killed_at(fleet, "catch_up.before")
        source, target = (side.moves for side in fleet.sides.values())

        async def left(moves: Moves) -> set[str]:
            """Without marks of the move that runs, which come and go through its stream."""
            return {name for name in await moves.leftovers() if not name.startswith(f"mark move:{running.id}")}

        kept = await left(source), await left(target)
        await source.publish(ended.id, ended_in)
        await target.ownership.receive(ended_in, 1, b"s" * 32, "acme", "acme")
        await source.publish("mv_ffffffffffff", ended_in)
        await reaper.sweep()
        strange = [name for name in await source.leftovers() if "ffffffffffff" in name]
        assert strange  # of another registry: somebody must look
        assert (await left(source) - set(strange), await left(target)) == kept
        assert ended_in not in {row.workspace_id for row in await target.ownership.census()}
        await source.drop("mv_ffffffffffff", ended_in)
        async with controlled(fleet.controller()):
            assert (await fleet.ended(running.id)).state is MoveState.DONE


async def test_between_the_decision_and_the_opening_nobody_is_refused_for_good_vitess_17326(
    control_database: FreshDatabase, two: tuple[FreshDatabase, FreshDatabase]
) -> None:
    """The route says B and B does not accept yet: both cells answer *not executed*, which routers hold, until somebody opens B."""
    async with a_fleet(control_database, two) as fleet:
        workspace_id = await fleet.workspace("acme")
        move = await fleet.desk.start(workspace_id, "cell-b", 0)
        await killed_at(fleet, "open.before")
        row = await fleet.registry.workspaces.require(workspace_id)
        assert (row.cell, row.epoch) == ("cell-b", 2)
        for name, epoch, held in (("cell-a", 1, Frozen), ("cell-b", 2, Incoming), ("cell-b", 1, Incoming)):
            with pytest.raises(held):
                await fleet.sides[name].log.commit(TenantScope(workspace_id, epoch), Say("held"))
        async with controlled(fleet.controller()):
            assert (await fleet.ended(move.id)).state is MoveState.DONE
        assert await fleet.require_sound(workspace_id, 20) == "cell-b"


async def test_nothing_is_asked_of_the_registry_between_the_decision_and_the_opening(
    control_database: FreshDatabase, two: tuple[FreshDatabase, FreshDatabase], monkeypatch: pytest.MonkeyPatch
) -> None:
    """People wait there: the lease and the addresses of the cells are known from before the freeze."""
    async with a_fleet(control_database, two) as fleet:
        workspace_id = await fleet.workspace("acme", posts=5)
        move, said = await fleet.desk.start(workspace_id, "cell-b", 0), []

        async def pause(point: str) -> None:
            said.append(point)

        for noun, verb in (("moves", "claim"), ("cells", "require")):
            asked = getattr(fleet.registry, noun)
            monkeypatch.setattr(type(asked), verb, noted(getattr(type(asked), verb), said))
        controller = fleet.controller(pause)
        controller.lease_s = 30.0  # so that it is young however slow the machine is
        async with controlled(controller):
            assert (await fleet.ended(move.id)).state is MoveState.DONE
        waiting = said[said.index("sealed") : said.index("open.after")]
        assert waiting == ["sealed", "seen", "freeze.after", "open.before"]


def noted(verb: Callable[..., Any], said: list[str]) -> Callable[..., Any]:
    """The same, written down."""

    async def asked(*arguments: Any, **named: Any) -> Any:
        said.append(verb.__name__)
        return await verb(*arguments, **named)

    return asked
