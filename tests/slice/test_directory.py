"""Directory and Registration over real gRPC and a real registry."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import grpc
import pytest

from chassis.identity import CellName, make_workspace_id
from control_plane.registry import Draft, Workspace, WorkspaceState, open_registry
from control_plane.serving.view import ROUTES_PER_CHUNK
from protos.admin.v1 import admin_pb2
from protos.directory.v1 import directory_pb2
from tests.harness.control import ControlPlane, running_control_plane
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually

pytestmark = pytest.mark.anyio

ROUTES = 100_000
ARRIVAL_S_MAX = 3.0


@dataclass
class Router:
    """Holds what it was sent, as a router does, and acknowledges when it is told to."""

    call: "grpc.aio.StreamStreamCall[directory_pb2.WatchRequest, directory_pb2.RouteChanges]"
    routes: dict[str, directory_pb2.Route] = field(default_factory=dict)
    cells: dict[str, directory_pb2.Cell] = field(default_factory=dict)
    registry_id: str = ""
    version: int = 0
    snapshots: int = 0

    async def receive(self) -> list[directory_pb2.RouteChanges]:
        """Up to and including the next `last`."""
        chunks: list[directory_pb2.RouteChanges] = []
        async with asyncio.timeout(20):
            while not chunks or not chunks[-1].last:
                chunk = await self.call.read()
                assert isinstance(chunk, directory_pb2.RouteChanges)
                chunks.append(chunk)
        for chunk in chunks:
            assert len(chunk.routes) <= ROUTES_PER_CHUNK
            self.routes |= {route.workspace_id: route for route in chunk.routes}
            self.cells |= {cell.name: cell for cell in chunk.cells}
        assert chunks[-1].version >= self.version
        self.registry_id, self.version = chunks[-1].registry_id, chunks[-1].version
        self.snapshots += chunks[-1].snapshot
        return chunks

    async def acknowledge(self) -> None:
        await self.call.write(directory_pb2.WatchRequest(router_id="r1", version=self.version))


@asynccontextmanager
async def following(control: ControlPlane, registry_id: str = "", version: int = 0, router_id: str = "r1") -> AsyncIterator[Router]:
    call = control.directory.Watch(None)
    await call.write(directory_pb2.WatchRequest(router_id=router_id, registry_id=registry_id, version=version, address="127.0.0.1:1"))
    try:
        yield Router(call)
    finally:
        call.cancel()


@pytest.fixture
async def control(control_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[ControlPlane]:
    async with running_control_plane(control_database.app_url, tmp_path) as running:
        yield running


async def workspace(database: FreshDatabase, name: str, cell: str = "cell-1") -> Workspace:
    draft = Draft(make_workspace_id(), name, "free", "", {}, "ann@acme.example")
    async with open_registry(database.app_url) as registry:
        row = await registry.workspaces.insert(draft, lambda _: CellName(cell))
        return await registry.workspaces.change_state(row, WorkspaceState.ACTIVE)


async def test_a_new_router_gets_a_snapshot_and_then_each_change_in_order(control: ControlPlane, control_database: FreshDatabase) -> None:
    await control.heartbeat("cell-1", "127.0.0.1:9001")
    first = await workspace(control_database, "first")
    async with following(control) as router:
        while first.id not in router.routes:
            await router.receive()
        assert router.snapshots == 1
        assert [endpoint.address for endpoint in router.cells["cell-1"].endpoints] == ["127.0.0.1:9001"]

        made = [await workspace(control_database, f"later-{number}") for number in range(5)]
        seen: list[tuple[int, str]] = []
        while made[-1].id not in router.routes:
            for chunk in await router.receive():
                assert not chunk.snapshot
                seen += [(chunk.version, route.subdomain) for route in chunk.routes]
        assert [name for _, name in seen] == [f"later-{number}" for number in range(5)]
        assert [version for version, _ in seen] == sorted(version for version, _ in seen)


async def test_a_router_that_comes_back_gets_only_what_it_missed(control: ControlPlane, control_database: FreshDatabase) -> None:
    await control.heartbeat("cell-1", "127.0.0.1:9001")
    await workspace(control_database, "known")
    async with following(control) as router:
        while len(router.routes) < 1:
            await router.receive()
    missed = await workspace(control_database, "missed")

    async with following(control, router.registry_id, router.version) as back:
        while not back.routes:
            await back.receive()
        assert (list(back.routes), back.snapshots, back.cells) == ([missed.id], 0, {})
    async with following(control, "another-registry", back.version) as stranger:
        await stranger.receive()
        assert (len(stranger.routes), stranger.snapshots) == (2, 1)
    async with following(control, router.registry_id, back.version + 1_000) as ahead:
        await ahead.receive()
        assert ahead.snapshots == 1


async def test_a_router_that_missed_nothing_is_told_so(control: ControlPlane) -> None:
    async with following(control) as router:
        await router.receive()
    async with following(control, router.registry_id, router.version) as back:
        (chunk,) = await back.receive()
        assert (chunk.version, chunk.snapshot, len(chunk.routes)) == (router.version, False, 0)


async def test_acknowledgements_are_seen_and_end_with_the_stream(control: ControlPlane) -> None:
    async def routers() -> list[tuple[str, int]]:
        found = (await control.admin.Status(admin_pb2.StatusRequest())).routers
        return [(router.router_id, router.version) for router in found]

    async with following(control) as router:
        await router.receive()
        assert await eventually(lambda: versions_are(routers, [("r1", 0)]))
        await router.acknowledge()
        assert await eventually(lambda: versions_are(routers, [("r1", router.version)]))
    assert await eventually(lambda: versions_are(routers, []))


async def versions_are(routers: object, expected: list[tuple[str, int]]) -> bool:
    return await routers() == expected  # type: ignore[operator, no-any-return]


async def test_heartbeats_that_change_nothing_leave_the_version_alone(control: ControlPlane) -> None:
    await control.heartbeat("cell-1", "127.0.0.1:9001")
    async with following(control) as router:
        while "cell-1" not in router.cells:
            await router.receive()
        before = router.version
        await control.heartbeat("cell-1", "127.0.0.1:9001", load=directory_pb2.Load(connections=7))
        await control.heartbeat("cell-1", "127.0.0.1:9002", process_id="p2")
        await router.receive()
        assert router.version == before + 1
        assert [endpoint.address for endpoint in router.cells["cell-1"].endpoints] == ["127.0.0.1:9001", "127.0.0.1:9002"]
        await control.heartbeat("cell-1", "127.0.0.1:9001", draining=True)
        await router.receive()
        assert [endpoint.process_id for endpoint in router.cells["cell-1"].endpoints] == ["p2"]


async def test_endpoints_survive_a_restart_and_a_new_process_takes_the_address(control_database: FreshDatabase, tmp_path: Path) -> None:
    async with running_control_plane(control_database.app_url, tmp_path) as control:
        await control.heartbeat("cell-1", "127.0.0.1:9001", process_id="old")
    async with running_control_plane(control_database.app_url, tmp_path) as again, following(again) as router:
        await router.receive()
        assert [endpoint.process_id for endpoint in router.cells["cell-1"].endpoints] == ["old"]
        await again.heartbeat("cell-1", "127.0.0.1:9001", process_id="new")
        await router.receive()
        assert [endpoint.process_id for endpoint in router.cells["cell-1"].endpoints] == ["new"]


async def test_two_replicas_tell_their_routers_the_same(control_database: FreshDatabase, tmp_path: Path) -> None:
    url = control_database.app_url
    async with running_control_plane(url, tmp_path) as one, running_control_plane(url, tmp_path) as other, following(other) as router:
        await router.receive()
        await one.heartbeat("cell-1", "127.0.0.1:9001")
        started_s = time.monotonic()
        while "cell-1" not in router.cells:
            await router.receive()
        assert time.monotonic() - started_s < 0.9  # told by NOTIFY, not found by the poll

        async def known_to_both() -> bool:
            return [found.router_id for found in (await one.admin.Status(admin_pb2.StatusRequest())).routers] == ["r1"]

        assert await eventually(known_to_both)


@pytest.mark.parametrize(
    "beat",
    [
        directory_pb2.HeartbeatRequest(cell="Cell 1"),
        directory_pb2.HeartbeatRequest(cell="cell-1", endpoint=directory_pb2.Endpoint(process_id="p", address="nowhere")),
        directory_pb2.HeartbeatRequest(cell="cell-1", endpoint=directory_pb2.Endpoint(process_id="", address="a:1")),
        directory_pb2.HeartbeatRequest(cell="cell-1", endpoint=directory_pb2.Endpoint(process_id="p", address="a:1", roles=["king"])),
    ],
)
async def test_a_heartbeat_that_makes_no_sense_is_refused(control: ControlPlane, beat: directory_pb2.HeartbeatRequest) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await control.registration.Heartbeat(beat)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_a_hundred_thousand_routes_reach_a_new_router_in_less_than_three_seconds(
    control_database: FreshDatabase, tmp_path: Path
) -> None:
    connection = await asyncpg.connect(control_database.owner_url)
    await connection.execute(MANY_ROUTES, ROUTES)
    await connection.close()
    async with running_control_plane(control_database.app_url, tmp_path) as control:
        async with following(control) as first:  # waits for the replica to have read them
            await first.receive()
        started_s = time.monotonic()
        async with following(control) as router:
            chunks = await router.receive()
        took_s = time.monotonic() - started_s

    assert len(router.routes) == ROUTES and len(chunks) == ROUTES // ROUTES_PER_CHUNK
    assert took_s < ARRIVAL_S_MAX, f"{took_s:.2f} s"


MANY_ROUTES = """
WITH version AS (UPDATE directory SET version = version + 1 RETURNING version),
     cell AS (INSERT INTO cells (name, region, state, dedicated, capacity_workspaces, version)
              SELECT 'cell-1', 'local', 'active', false, 1000000, version FROM version RETURNING name)
INSERT INTO workspaces (id, subdomain, cell, epoch, state, plan, region, pins, owner_email, version, problem)
SELECT 'T' || lpad(n::text, 10, 'A'), 'w-' || n, name, 1, 'active', 'free', '', '{}', '', version, ''
FROM generate_series(1, $1::int) AS n, version, cell
"""
