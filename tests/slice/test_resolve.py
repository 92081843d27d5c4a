"""Directory.Resolve of what this replica has not heard of yet: "there is no such workspace" would log its people out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

from chassis.identity import CellName, ProcessId, make_workspace_id
from control_plane.provision.processes import free_port
from control_plane.registry import Draft, Heartbeat, Registry, Workspace, WorkspaceState, open_registry
from control_plane.serving.acknowledgements import Acknowledgements
from control_plane.serving.directory import DirectoryService
from control_plane.serving.follow import Follower
from control_plane.serving.view import DirectoryView
from protos.directory.v1 import directory_pb2, directory_pb2_grpc
from tests.harness.databases import FreshDatabase

pytestmark = pytest.mark.anyio


async def made(registry: Registry, name: str) -> Workspace:
    """As another replica makes it: nobody tells this one."""
    draft = Draft(make_workspace_id(), name, "free", "", {}, "ann@acme.example")
    row = await registry.workspaces.insert(draft, lambda _: CellName("cell-1"))
    return await registry.workspaces.change_state(row, WorkspaceState.ACTIVE)


@asynccontextmanager
async def directory(view: DirectoryView, follower: Follower) -> "AsyncIterator[directory_pb2_grpc.DirectoryAsyncStub]":
    server = grpc.aio.server()
    directory_pb2_grpc.add_DirectoryServicer_to_server(DirectoryService(view, follower.catch_up, Acknowledgements()), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield directory_pb2_grpc.DirectoryStub(channel)
    finally:
        await server.stop(None)


@pytest.fixture
async def registry(control_database: FreshDatabase) -> AsyncIterator[Registry]:
    beat = Heartbeat(CellName("cell-1"), "local", ProcessId("p1"), "127.0.0.1:9001", ("api",), "0.1.0", "0001", 0, 0, 0.0, 0, False)
    async with open_registry(control_database.app_url) as registry:
        await registry.heartbeats.record(beat)
        yield registry


async def test_a_workspace_that_another_replica_has_just_made_is_found(registry: Registry, control_database: FreshDatabase) -> None:
    view = DirectoryView()
    follower = Follower(view, registry, control_database.app_url)
    await made(registry, "first")
    await follower.refresh()
    async with directory(view, follower) as stub:
        late = await made(registry, "late")
        by_id = await stub.Resolve(directory_pb2.ResolveRequest(workspace_id=late.id))
        assert (by_id.found, by_id.route.cell) == (True, "cell-1")
        later = await made(registry, "later")
        assert (await stub.Resolve(directory_pb2.ResolveRequest(subdomain="later"))).route.workspace_id == later.id
        assert not (await stub.Resolve(directory_pb2.ResolveRequest(subdomain="nobody"))).found


async def test_many_questions_share_a_reading_that_began_after_they_came(registry: Registry, control_database: FreshDatabase) -> None:
    view = DirectoryView()
    follower = Follower(view, registry, control_database.app_url)
    await made(registry, "first")
    await follower.refresh()
    async with directory(view, follower) as stub:
        names = [f"name-{number}" for number in range(60)]
        asked = asyncio.gather(*(stub.Resolve(directory_pb2.ResolveRequest(subdomain=name)) for name in names))
        late = await made(registry, "late")
        assert (await stub.Resolve(directory_pb2.ResolveRequest(workspace_id=late.id))).found
        assert not any(reply.found for reply in await asked)
        assert follower.readings <= 1 + len(names) // 2


async def test_with_the_database_away_nobody_is_told_that_a_workspace_does_not_exist(
    registry: Registry, control_database: FreshDatabase
) -> None:
    view = DirectoryView()
    first = await made(registry, "first")
    await Follower(view, registry, control_database.app_url).refresh()
    nowhere = f"postgresql://waggle_app@127.0.0.1:{free_port()}/waggle"
    async with open_registry(nowhere) as away, directory(view, Follower(view, away, nowhere)) as stub:
        assert (await stub.Resolve(directory_pb2.ResolveRequest(workspace_id=first.id))).found
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Resolve(directory_pb2.ResolveRequest(subdomain="perhaps"))
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
