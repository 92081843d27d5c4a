"""The runtime knows nothing of chat: another workload in a real cell, asked through a tunnel."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count, takewhile
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from cells.runtime.tenancy import TenantScope
from cells.runtime.transfer import Moves, OwnerDatabase, Ownership, travelling
from chassis.identity import WorkspaceId
from examples.notes import notes
from migrations.isolation import protection_of
from protos.tunnel.v1 import tunnel_pb2
from router.forward import Forwarder, HoldTimeout, Limits
from router.routes.table import RouteTable
from tests.harness.cells import RunningCell, a_cell, directory_of
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.tunnels import forwarding_to
from tests.harness.workspaces import a_log, a_workspace, execute, set_tenancy

pytestmark = pytest.mark.anyio


async def with_notes_tables(database: FreshDatabase) -> FreshDatabase:
    engine = create_async_engine(database.owner_sqlalchemy_url)
    async with engine.begin() as connection:
        await connection.run_sync(notes().tables.create_all)
    await engine.dispose()
    for statement in protection_of("notes"):
        await execute(database.owner_url, statement)
    return database


async def ask(forwarder: Forwarder, table: RouteTable, scope: TenantScope, method: str, body: bytes = b"") -> tuple[int, Any]:
    route = table.get(scope.workspace_id)
    assert route is not None
    asked = tunnel_pb2.Request(workspace_id=scope.workspace_id, method=method, path=b"/notes", body=body, request_id="r1", scheme="http")
    reply = await forwarder.call(route, asked)
    return reply.status, json.loads(reply.body)


async def test_notes_of_two_workspaces_in_one_cell(cell_database: FreshDatabase) -> None:
    database = await with_notes_tables(cell_database)
    mine, other = [await a_workspace(database.owner_url) for _ in range(2)]
    async with a_cell(database, notes().app) as cell:
        table = directory_of(cell, homes={mine: "a", other: "a"})
        async with forwarding_to(table) as forwarder:
            status, made = await ask(forwarder, table, mine, "POST", b"buy bread")
            assert status == 201
            assert await ask(forwarder, table, mine, "GET") == (200, [{"id": made["id"], "text": "buy bread"}])
            assert await ask(forwarder, table, other, "GET") == (200, [])
            assert (await ask(forwarder, table, mine, "POST", b" "))[0] == 422
        assert [json.loads(event.payload)["text"] for event in await cell.log.read(mine, 0)] == ["buy bread"]
        assert await cell.log.read(other, 0) == []


async def test_a_held_workspace_refuses_notes_before_anything_is_done(cell_database: FreshDatabase) -> None:
    """Frozen in the database while the process still believes it active: the fence refuses, and the refusal passes through the app."""
    database = await with_notes_tables(cell_database)
    scope = await a_workspace(database.owner_url)
    async with a_cell(database, notes().app) as cell:
        await set_tenancy(database.owner_url, scope.workspace_id, "frozen", scope.epoch)
        table = directory_of(cell, homes={scope: "a"})
        async with forwarding_to(table, Limits(hold_s_max=0.3)) as forwarder:
            with pytest.raises(HoldTimeout):
                await ask(forwarder, table, scope, "POST", b"too late")
            await set_tenancy(database.owner_url, scope.workspace_id, "active", scope.epoch)
            assert (await ask(forwarder, table, scope, "POST", b"in time"))[0] == 201
        assert [json.loads(event.payload)["text"] for event in await cell.log.read(scope, 0)] == ["in time"]


@pytest.fixture
def two(make_cell_database: Callable[[], FreshDatabase]) -> tuple[FreshDatabase, FreshDatabase]:
    return make_cell_database(), make_cell_database()


async def test_notes_move_to_another_cell_while_they_are_written(two: tuple[FreshDatabase, FreshDatabase]) -> None:
    """All that the app did for it was to take its rows through the request's tenant and to let *not executed* pass."""
    here, there = [await with_notes_tables(database) for database in two]
    scope = await a_workspace(here.owner_url)
    async with (
        a_cell(here, notes().app, name="a") as a,
        a_cell(there, notes().app, name="b") as b,
        mover(a, here) as source,
        mover(b, there) as target,
    ):
        table = directory_of(a, b, homes={scope: "a"})
        async with forwarding_to(table) as forwarder:
            written, enough = list[str](), asyncio.Event()
            writing = asyncio.create_task(write_on(forwarder, table, scope, written, enough))
            await eventually(lambda: len(written) > 20)
            await carry(source, target, scope.workspace_id)
            seen = len(written)
            await eventually(lambda: len(written) > seen + 20)
            enough.set()
            await writing
            _, found = await ask(forwarder, table, scope, "GET")
            assert sorted(note["text"] for note in found) == sorted(written), "lost or doubled"
            assert [json.loads(event.payload)["text"] for event in await b.log.read(replace(scope, epoch=2), 0)] == written, "reordered"
        for side in (source, target):
            await side.drop(MOVE, scope.workspace_id)
            assert await side.leftovers() == []


MOVE = "mv_0123456789ab"


@asynccontextmanager
async def mover(cell: RunningCell, database: FreshDatabase) -> AsyncIterator[Moves]:
    owner = OwnerDatabase(database.owner_url)
    async with a_log(database.app_url) as (rows, _):
        try:
            yield Moves(owner, travelling(notes().tables), Ownership(rows, cell.table, None), cell.table.wake)
        finally:
            await owner.close()


async def write_on(forwarder: Forwarder, table: RouteTable, scope: TenantScope, written: list[str], enough: asyncio.Event) -> None:
    for number in takewhile(lambda _: not enough.is_set(), count()):
        status, _ = await ask(forwarder, table, scope, "POST", f"note {number}".encode())
        assert status == 201
        written.append(f"note {number}")


async def carry(source: Moves, target: Moves, workspace_id: WorkspaceId) -> None:
    """Publish, copy, follow, seal, take: what the controller says, without its memory."""
    connection, row = await source.publish(MOVE, workspace_id)
    await target.ownership.receive(workspace_id, row.epoch, row.secret, row.name, row.subdomain)

    async def copied() -> bool:
        return (await target.copy(MOVE, workspace_id, connection))[0]

    await eventually(copied)
    await source.ownership.mark(workspace_id, f"move:{MOVE}", 0)
    sealed = await source.ownership.seal(workspace_id, row.epoch, 1_000, f"waggle_{MOVE}", f"move:{MOVE}", 1)
    assert await target.await_mark(MOVE, workspace_id, 1, 10) == (True, sealed.seq)
    await target.ownership.take(workspace_id, row.epoch + 1, sealed.seq, sealed.last_ts_us)
    await source.ownership.retire(workspace_id, row.epoch + 1, "b")
