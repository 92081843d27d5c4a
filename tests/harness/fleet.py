"""Two cells in this process over real databases, a registry, and controllers that may be stopped at any point and killed there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from cells.chat.domain.catalogue import chat_tables
from cells.runtime.log import WorkspaceLog
from cells.runtime.tenancy import TenancyTable, TenantScope
from cells.runtime.transfer import CellService, Commands, Inspector, Moves, OwnerDatabase, Ownership, TransferService, travelling
from chassis.clock import SystemClock
from chassis.identity import CellName, ProcessId, WorkspaceId, make_workspace_id
from chassis.rpc import channel, listen, server
from control_plane.moves import Controller, Desk, no_pause
from control_plane.registry import CellState, Draft, Heartbeat, Move, Registry, WorkspaceState, open_registry
from control_plane.serving.cell_doors import CellDoors
from protos.cell.v1 import cell_pb2_grpc, transfer_pb2_grpc
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.workspaces import Say, a_log, execute

CREDENTIAL = "a-credential-for-tests-0123456789"


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

    def controller(self, pause: Callable[[str], Awaitable[None]] = no_pause) -> Controller:
        return Controller(self.registry, self.doors, SystemClock(), pause, lease_s=0.4)

    async def beat(self) -> None:
        """Both cells are heard of: a slow machine may have let more time pass than a cell may be silent."""
        for beat in self.beats:
            await self.registry.heartbeats.record(beat)

    async def workspace(self, name: str, posts: int = 20) -> WorkspaceId:
        await self.beat()
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
        await self.beat()
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

    async with controlled(fleet.controller(pause)), asyncio.timeout(30):
        await there.wait()
