"""PostgreSQL of either cell is killed at an edge of a step: the move ends by itself, and nobody has lost or kept anything."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from chassis.identity import WorkspaceId
from control_plane.moves.rules import TABLE
from control_plane.provision.cluster_settings import ClusterSettings
from control_plane.provision.postgres import Postgres
from control_plane.provision.processes import free_port
from control_plane.registry import Move, MoveState, MoveStep
from tests.harness import faults
from tests.harness.databases import FreshDatabase, copy_of, drop, in_own_loop, migrated_template
from tests.harness.fleet import Fleet, a_fleet, controlled

pytestmark = [pytest.mark.anyio]


def points() -> Iterator[str]:
    """One in every step on the way from the order to the end, so that a new step is struck, too."""
    step: MoveStep | MoveState = MoveStep.PREPARE
    while isinstance(step, MoveStep):
        if step is not MoveStep.WINDOW:  # nothing is done in it
            yield "sealed" if step is MoveStep.FREEZE else f"{step}.before"
        step = TABLE[step].then


POINTS = tuple(points())
ORDERS_MAX = 3
Clusters = tuple[Postgres, Postgres]


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clusters]:
    """One server a cell, as in production, and nobody else's: these are killed."""
    servers = [Postgres(tmp_path_factory.mktemp(name), free_port(), settings=ClusterSettings(durable=False)) for name in ("a", "b")]
    try:
        for server in servers:
            in_own_loop(server.start())
            migrated_template(server, "cell")
        yield servers[0], servers[1]
    finally:
        for server in servers:
            in_own_loop(server.stop())


@pytest.fixture
def two(clusters: Clusters) -> Iterator[tuple[FreshDatabase, FreshDatabase]]:
    source, target = (copy_of(server, "template_cell") for server in clusters)
    yield source, target
    for server, database in zip(clusters, (source, target), strict=True):
        drop(server, database)


@dataclass
class Killer:
    """Kills a server where the move stands, lets the move go on against what is gone, and starts the server again."""

    server: Postgres
    point: str
    killed: asyncio.Event = field(default_factory=asyncio.Event)

    async def pause(self, point: str) -> None:
        if point == self.point and not self.killed.is_set():
            assert self.server.pid is not None
            faults.kill(self.server.pid)
            self.killed.set()

    async def struck(self, fleet: Fleet, workspace_id: WorkspaceId) -> Move:
        """The end of the move that was struck. One that is undone before, by servers that still recover, is ordered anew."""
        for _ in range(ORDERS_MAX):
            move = await fleet.desk.start(workspace_id, "cell-b", 0)
            async with controlled(fleet.controller(self.pause)), self._starting_again(), asyncio.timeout(90):
                ended = await fleet.ended(move.id, 60)
            if self.killed.is_set():
                return ended
            assert ended.state is MoveState.UNDONE, ended
        raise AssertionError(f"{ORDERS_MAX} moves were undone before {self.point}")

    @asynccontextmanager
    async def _starting_again(self) -> AsyncIterator[None]:
        async def start_again() -> None:
            await self.killed.wait()
            await self.server.start()

        starting = asyncio.create_task(start_again())
        try:
            yield
        finally:
            if not self.killed.is_set():
                starting.cancel()
            await asyncio.gather(starting, return_exceptions=not self.killed.is_set())


@pytest.mark.parametrize("struck", ["source", "target"])
@pytest.mark.parametrize("struck_at", [POINTS[::2], POINTS[1::2]], ids=["odd steps", "even steps"])
async def test_a_move_whose_database_is_killed_ends_by_itself(
    control_database: FreshDatabase, clusters: Clusters, two: tuple[FreshDatabase, FreshDatabase], struck: str, struck_at: tuple[str, ...]
) -> None:
    server = clusters[0] if struck == "source" else clusters[1]
    async with a_fleet(control_database, two) as fleet:
        for number, point in enumerate(struck_at):
            workspace_id = await fleet.workspace(f"acme-{number}", posts=5)
            ended = await Killer(server, point).struck(fleet, workspace_id)
            assert ended.state in (MoveState.DONE, MoveState.UNDONE), (point, ended)
            lives_in = await fleet.require_sound(workspace_id, 5)
            assert lives_in == ("cell-b" if ended.state is MoveState.DONE else "cell-a"), (point, ended)
