"""The runtime knows nothing of chat: another workload in a real cell, asked through a tunnel."""

import json
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from cells.runtime.tenancy import TenantScope
from examples.notes import notes
from migrations.isolation import protection_of
from protos.tunnel.v1 import tunnel_pb2
from router.forward import Forwarder, HoldTimeout, Limits
from router.routes.table import RouteTable
from tests.harness.cells import a_cell, directory_of
from tests.harness.databases import FreshDatabase
from tests.harness.tunnels import forwarding_to
from tests.harness.workspaces import a_workspace, execute, set_tenancy

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
