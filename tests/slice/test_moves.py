"""Moves between two real cells: a controller that dies at any edge of any step, corruption that is found, wishes to turn back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import pytest

from cells.chat.domain.catalogue import chat_tables
from cells.runtime.log import WorkspaceLog
from cells.runtime.tenancy import Frozen, Incoming, TenancyTable, TenantScope
from cells.runtime.transfer import CellService, Commands, Inspector, Moves, OwnerDatabase, Ownership, TransferService, travelling
from chassis.clock import SystemClock
from chassis.identity import CellName, ProcessId, WorkspaceId, make_workspace_id
from chassis.rpc import channel, listen, server
from control_plane.moves import Controller, Desk, MoveRefused, Reaper
from control_plane.registry import CellState, Draft, Heartbeat, Move, MoveState, MoveStep, Registry, WorkspaceState, open_registry
from control_plane.serving.cell_doors import CellDoors
from protos.cell.v1 import cell_pb2_grpc, transfer_pb2_grpc
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.workspaces import Say, a_log, execute

pytestmark = pytest.mark.anyio

CREDENTIAL = "a-credential-for-tests-0123456789"
STEPS = (MoveStep.PREPARE, MoveStep.COPY, MoveStep.CATCH_UP, MoveStep.VERIFY, MoveStep.ARM, MoveStep.FREEZE, MoveStep.OPEN)
LATER = (MoveStep.FINISH, MoveStep.PURGE)
EDGES = [f"{step}.{edge}" for step in (*STEPS, *LATER) for edge in ("before", "after")] + ["sealed", "seen"]


@dataclass(frozen=True)
class Side:
    fresh: FreshDatabase
    log: WorkspaceLog
    ownership: Ownership
    moves: Moves


@dataclass(frozen=True)
class Fleet:
    registry: Registry
    doors: CellDoors
    desk: Desk
    sides: dict[str, Side]
    beats: list[Heartbeat]

    def controller(self, pause: Callable[[str], "asyncio.Future[None]"] | None = None) -> Controller:
        more = {} if pause is None else {"pause": pause}
        return Controller(self.registry, self.doors, SystemClock(), lease_s=0.4, **more)  # type: ignore[arg-type]

    async def workspace(self, name: str, posts: int = 20) -> WorkspaceId:
        for beat in self.beats:
            await self.registry.heartbeats.record(beat)
        draft = Draft(make_workspace_id(), name, "free", "", {}, "o@acme.example")
        row = await self.registry.workspaces.insert(draft, lambda _: CellName("cell-a"))
        await self.sides["cell-a"].ownership.admit(row.id, name, name, 1)
        await self.registry.workspaces.change_state(row, WorkspaceState.ACTIVE)
        for number in range(posts):
            await self.sides["cell-a"].log.commit(TenantScope(row.id, 1), Say(f"said {number}"))
        return row.id

    async def ended(self, move_id: str, within_s: float = 30) -> Move:
        async def end() -> Move | None:
            move = await self.registry.moves.require(move_id)
            return move if move.ended else None

        move = await eventually(end, within_s)
        assert move is not None
        return move

    async def require_sound(self, workspace_id: WorkspaceId, posts: int) -> str:
        """Exactly one cell has it, active, whole and where the registry says; the other has no rows; nobody has leftovers."""
        row = await self.registry.workspaces.require(workspace_id)
        for name, side in self.sides.items():
            states = {found.state for found in await side.ownership.census() if found.workspace_id == workspace_id}
            counted = await execute(side.fresh.owner_url, "SELECT count(*) AS n FROM log WHERE workspace_id = $1", workspace_id)
            assert await side.moves.leftovers() == []
            assert counted[0]["n"] == (posts if name == row.cell else 0), name
            assert ("active" in states) == (name == row.cell), (name, states)
        await self.sides[row.cell].log.commit(TenantScope(workspace_id, row.epoch), Say("still at home"))
        return row.cell


@asynccontextmanager
async def a_fleet(control: FreshDatabase, two: tuple[FreshDatabase, FreshDatabase]) -> AsyncIterator[Fleet]:
    async with AsyncExitStack() as stack:
        registry = await stack.enter_async_context(open_registry(control.app_url))
        doors = CellDoors(lambda address: channel(address, CREDENTIAL))
        stack.push_async_callback(doors.close)
        beats: list[Heartbeat] = []
        sides = {name: await _side(name, fresh, registry, stack, beats) for name, fresh in zip(("cell-a", "cell-b"), two, strict=True)}
        yield Fleet(registry, doors, Desk(registry, doors), sides, beats)


async def _side(name: str, fresh: FreshDatabase, registry: Registry, stack: AsyncExitStack, beats: list[Heartbeat]) -> Side:
    database, log = await stack.enter_async_context(a_log(fresh.app_url, None))
    table = TenancyTable(database)
    ownership = Ownership(database, table, None)
    owner = OwnerDatabase(fresh.owner_url)
    stack.push_async_callback(owner.close)
    moves = Moves(owner, travelling(chat_tables()), ownership, table.wake)
    rpc = server(CREDENTIAL)
    commands: Commands = None  # type: ignore[assignment]  # no workload here
    cell_pb2_grpc.add_CellServicer_to_server(CellService(ownership, commands, Inspector(database, None)), rpc)
    transfer_pb2_grpc.add_TransferServicer_to_server(TransferService(moves), rpc)
    address = f"127.0.0.1:{listen(rpc, '127.0.0.1:0')}"
    await rpc.start()
    stack.push_async_callback(rpc.stop, None)
    await registry.cells.insert(name, "local", dedicated=False, capacity_workspaces=100)
    beat = Heartbeat(CellName(name), "local", ProcessId(f"{name}-1"), address, ("api",), "1", "1", 0, 0, 0.0, 0, draining=False)
    await registry.heartbeats.record(beat)
    beats.append(beat)
    if (await registry.cells.require(name)).state is CellState.PROVISIONING:
        await registry.cells.change_state(name, CellState.PROVISIONING, CellState.ACTIVE)
    return Side(fresh, log, ownership, moves)


@pytest.fixture
def two(make_cell_database: Callable[[], FreshDatabase]) -> tuple[FreshDatabase, FreshDatabase]:
    return make_cell_database(), make_cell_database()


@asynccontextmanager
async def controlled(controller: Controller) -> AsyncIterator[None]:
    task = asyncio.create_task(controller.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def killed_at(fleet: Fleet, edge: str) -> None:
    """A controller gets as far as `edge` and not a statement further."""
    there = asyncio.Event()

    async def pause(point: str) -> None:
        if point == edge:
            there.set()
            await asyncio.Event().wait()

    async with controlled(fleet.controller(pause)), asyncio.timeout(30):  # type: ignore[arg-type]
        await there.wait()


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
        for number, harm in enumerate(("DELETE FROM log WHERE seq = 3 AND", "UPDATE log SET payload = 'other' WHERE seq = 3 AND")):
            workspace_id = await fleet.workspace(f"acme-{number}", posts=9)
            move = await fleet.desk.start(workspace_id, "cell-b", 0)
            await killed_at(fleet, "catch_up.before")
            await execute(fleet.sides["cell-b"].fresh.owner_url, f"{harm} workspace_id = $1", workspace_id)
            async with controlled(fleet.controller()):
                ended = await fleet.ended(move.id)
            assert ended.state is MoveState.UNDONE
            assert "differ in log" in ended.problem
            assert await fleet.require_sound(workspace_id, 9) == "cell-a"


async def test_abort_before_the_decision_and_never_after(control_database: FreshDatabase, two: tuple[FreshDatabase, FreshDatabase]) -> None:
    async with a_fleet(control_database, two) as fleet:
        workspace_id = await fleet.workspace("acme")
        move = await fleet.desk.start(workspace_id, "cell-b", 60)
        await killed_at(fleet, "arm.after")
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
        kept = sorted(await source.leftovers()), sorted(await target.leftovers())
        await source.publish(ended.id, ended_in)
        await target.ownership.receive(ended_in, 1, b"s" * 32, "acme", "acme")
        await source.publish("mv_ffffffffffff", ended_in)
        await reaper.sweep()
        strange = [name for name in await source.leftovers() if "ffffffffffff" in name]
        assert strange  # of another registry: somebody must look
        assert (sorted(set(await source.leftovers()) - set(strange)), sorted(await target.leftovers())) == kept
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
