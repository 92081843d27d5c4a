"""The doctor names the first thing that is wrong on a workspace's path, whatever it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import grpc
import pytest

from protos.admin.v1 import admin_pb2
from protos.directory.v1 import directory_pb2
from tests.harness.control import ControlPlane, FakeCell, running_cell, running_control_plane
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually

pytestmark = pytest.mark.anyio

ACME = admin_pb2.WorkspaceRef(workspace="acme")


@pytest.fixture
async def control(control_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[ControlPlane]:
    async with running_control_plane(control_database.app_url, tmp_path) as running:
        yield running


@pytest.fixture
async def cell(control: ControlPlane) -> AsyncIterator[FakeCell]:
    fake = FakeCell()
    async with running_cell(fake, control.credential) as address:
        await control.heartbeat("cell-1", address)
        await control.admin.CreateWorkspace(admin_pb2.CreateWorkspaceRequest(name="acme"))
        yield fake


@asynccontextmanager
async def a_router(control: ControlPlane, *, acknowledges: bool = True) -> AsyncIterator[None]:
    call = control.directory.Watch(None)
    await call.write(directory_pb2.WatchRequest(router_id="router-1"))

    async def follow() -> None:
        async for changes in call:
            if acknowledges and changes.last:
                await call.write(directory_pb2.WatchRequest(router_id="router-1", version=changes.version))

    following = asyncio.create_task(follow())
    try:
        yield
    finally:
        call.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def wrong(control: ControlPlane) -> tuple[list[str], str]:
    reply = await control.admin.Doctor(ACME)
    return [check.name for check in reply.checks if not check.ok], reply.verdict


async def test_all_is_well_when_it_is(control: ControlPlane, cell: FakeCell) -> None:
    async with a_router(control):

        async def well() -> bool:
            return await wrong(control) == ([], "all is well with acme: it is served by cell-1 at epoch 1")

        assert await eventually(well)
        names = [check.name for check in (await control.admin.Doctor(ACME)).checks]
    assert names == ["registry", "router router-1", "cell", "database", "redis", "log", "cursors", "tenancy", "sessions"]


async def test_no_router(control: ControlPlane, cell: FakeCell) -> None:
    assert await wrong(control) == (["router"], "acme: router is wrong: no router follows the directory")


async def test_a_router_that_lags(control: ControlPlane, cell: FakeCell) -> None:
    async with a_router(control, acknowledges=False):

        async def lagging() -> bool:
            names, verdict = await wrong(control)
            return names == ["router router-1"] and "has applied version 0, but the route needs" in verdict

        assert await eventually(lagging)


async def test_a_cell_that_is_not_heard_of(control: ControlPlane, cell: FakeCell, control_database: FreshDatabase) -> None:
    connection = await asyncpg.connect(control_database.owner_url)
    await connection.execute("UPDATE cell_processes SET heartbeat_at = now() - interval '11 seconds'")
    await connection.close()
    async with a_router(control):

        async def silent() -> bool:
            names, verdict = await wrong(control)
            return names == ["cell"] and "last heard of 11." in verdict

        assert await eventually(silent)


async def test_a_cell_that_does_not_answer(control: ControlPlane, cell: FakeCell) -> None:
    cell.refuse = (grpc.StatusCode.UNAVAILABLE, "asleep")
    async with a_router(control):

        async def asleep() -> bool:
            names, verdict = await wrong(control)
            return names == ["inspect"] and "does not answer: asleep" in verdict

        assert await eventually(asleep)


@pytest.mark.parametrize("check", ["database", "redis", "log", "cursors"])
async def test_what_the_cell_finds_wrong_with_itself(control: ControlPlane, cell: FakeCell, check: str) -> None:
    cell.broken_check = check
    async with a_router(control):

        async def found() -> bool:
            return await wrong(control) == ([check], f"acme: {check} is wrong: {check} answered")

        assert await eventually(found)


async def test_a_cell_that_disagrees_about_the_epoch(control: ControlPlane, cell: FakeCell) -> None:
    (tenancy,) = cell.tenancies.values()
    tenancy.epoch = 7
    async with a_router(control):

        async def disagreed() -> bool:
            names, verdict = await wrong(control)
            return names == ["tenancy"] and verdict.endswith(
                "active at epoch 7, log head at seq 0, but the registry says active at epoch 1"
            )

        assert await eventually(disagreed)


async def test_an_unknown_workspace(control: ControlPlane) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await control.admin.Doctor(admin_pb2.WorkspaceRef(workspace="nobody"))
    assert (refused.value.code(), refused.value.details()) == (grpc.StatusCode.NOT_FOUND, "there is no workspace 'nobody'")
