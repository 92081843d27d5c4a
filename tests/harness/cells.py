"""A cell's process in this one: database, log, gateway and ingress on a real gRPC server, with any workload."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import grpc

from cells.runtime.gateway import Gateway, open_gateway
from cells.runtime.ingress import Ingress
from cells.runtime.log import Tenants, WorkspaceLog
from cells.runtime.tenancy import TenancyTable, TenantScope
from cells.runtime.workload import ASGIApp, Sessions
from chassis.clock import SystemClock
from chassis.identity import CellName
from router.routes.table import CellEntry, Endpoint, Route, RouteTable
from tests.harness.databases import FreshDatabase
from tests.harness.workspaces import a_log


@dataclass(frozen=True)
class RunningCell:
    """One process of cell `name`."""

    name: str
    log: WorkspaceLog
    table: TenancyTable
    gateway: Gateway | None
    ingress: Ingress
    server: grpc.aio.Server
    port: int

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(f"127.0.0.1:{self.port}", ("api", "gateway"), f"{self.name}-{self.port}")

    async def kill(self) -> None:
        await self.server.stop(None)


@asynccontextmanager
async def a_cell(database: FreshDatabase, app: ASGIApp, sessions: Sessions | None = None, name: str = "a") -> AsyncIterator[RunningCell]:
    async with AsyncExitStack() as stack:
        rows, log = await stack.enter_async_context(a_log(database.app_url))
        table = TenancyTable(rows)
        await table.refresh()
        tenants, gateway = Tenants(table, rows, log), None
        if sessions is not None:
            gateway = await stack.enter_async_context(open_gateway(sessions=sessions, tenants=tenants, clock=SystemClock()))
        ingress = Ingress(app=app, require_tenant=tenants.require, door=gateway, cell=name, process_id=f"{name}-test")
        server = grpc.aio.server()
        ingress.register(server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        stack.push_async_callback(server.stop, None)
        yield RunningCell(name, log, table, gateway, ingress, server, port)


def directory_of(*cells: RunningCell, homes: dict[TenantScope, str]) -> RouteTable:
    """Routes to these processes; `homes` says in which cell each workspace lives."""
    table = RouteTable()
    entries = [
        CellEntry(CellName(name), "local", "active", tuple(cell.endpoint for cell in cells if cell.name == name))
        for name in sorted({cell.name for cell in cells})
    ]
    routes = [Route(scope.workspace_id, scope.workspace_id.lower(), CellName(home), scope.epoch, "active") for scope, home in homes.items()]
    table.replace("test", 1, routes, entries)
    return table
