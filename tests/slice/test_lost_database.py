"""A connection that breaks under a request: what was surely not done says so, the rest says "ask again", nothing says "internal error"."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.ingress.exchange import Exchange, Headers
from cells.runtime.log import LoggedTenant
from cells.runtime.tenancy import CommitUnknown, NotExecuted, Overloaded, Tenancy, TenancyState, driver_of
from cells.runtime.workload import TENANT_KEY
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.workspaces import Say, a_log, a_workspace, execute

pytestmark = pytest.mark.anyio
Break = Callable[[AsyncConnection, FreshDatabase], Awaitable[None]]


async def killed(connection: AsyncConnection, databases: FreshDatabase) -> None:
    """By the server, in the middle of a statement."""
    pid = driver_of(connection).get_server_pid()
    asking = asyncio.create_task(connection.execute(text("SELECT pg_sleep(20)")))

    async def asks() -> bool:
        found = await execute(databases.owner_url, "SELECT query FROM pg_stat_activity WHERE pid = $1", pid)
        return "pg_sleep" in found[0][0]

    await eventually(asks)
    await execute(databases.owner_url, "SELECT pg_terminate_backend($1)", pid)
    await asking


async def cut(connection: AsyncConnection, _: FreshDatabase) -> None:
    """The line breaks in the middle of a statement."""
    asking = asyncio.create_task(connection.execute(text("SELECT pg_sleep(20)")))
    await asyncio.sleep(0)
    driver_of(connection).terminate()
    await asking


async def confused(connection: AsyncConnection, _: FreshDatabase) -> None:
    """What the driver raises where a server that dies leaves half an answer."""
    raise asyncpg.InternalClientError("got result for unknown protocol state 3")


async def gone(connection: AsyncConnection, _: FreshDatabase) -> None:
    """Noticed at the next statement only."""
    driver_of(connection).terminate()
    await connection.execute(text("SELECT 1"))


@pytest.mark.parametrize("broken", [killed, cut, confused, gone])
@pytest.mark.parametrize("how", ["reading", "writing"])
async def test_a_transaction_that_lost_its_connection_was_not_executed(cell_database: FreshDatabase, broken: Break, how: str) -> None:
    scope = await a_workspace(cell_database.owner_url)
    async with a_log(cell_database.app_url) as (database, log):
        with pytest.raises(Overloaded):
            async with getattr(database, how)(scope) as connection:
                await broken(connection, cell_database)
        await log.commit(scope, Say("next"))


async def test_a_fault_of_ours_is_not_taken_for_a_lost_connection(cell_database: FreshDatabase) -> None:
    scope = await a_workspace(cell_database.owner_url)
    async with a_log(cell_database.app_url) as (database, _):
        for fault in (OSError("a file"), asyncpg.InterfaceError("another operation is in progress"), ValueError()):
            with pytest.raises(type(fault)):
                async with database.reading(scope):
                    raise fault


class Answered(Exchange):
    async def receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _on_body(self, chunk: bytes, last: bool) -> None: ...

    async def _on_failure(self, status: int, headers: Headers, body: bytes) -> None:
        self.failure = (status, dict(headers).get(b"retry-after"), body)


UNAVAILABLE = (503, b"1", b'{"ok":false,"error":"service_unavailable"}')


async def test_a_request_that_has_stored_something_is_never_called_not_executed(cell_database: FreshDatabase) -> None:
    """A router sends such a one again; this one is for its client to ask again (I5)."""
    scope = await a_workspace(cell_database.owner_url)
    row = Tenancy(scope.workspace_id, scope.epoch, TenancyState.ACTIVE, 0, 0, "", b"s" * 32, "acme", "acme")
    async with a_log(cell_database.app_url) as (database, log):

        def scope_of() -> dict[str, Any]:
            tenant = LoggedTenant(row, scope, database, log)
            return {TENANT_KEY: tenant, "headers": [], "path": "/", "waggle.request_id": "r"}

        async def stores_then_reads(scope: dict[str, Any], *_: object) -> None:
            await scope[TENANT_KEY].commit(Say("stored"))
            await reads(scope)

        async def reads(scope: dict[str, Any], *_: object) -> None:
            async with scope[TENANT_KEY].reading() as connection:
                await gone(connection, cell_database)

        async def may_have_stored(*_: object) -> None:
            raise CommitUnknown("the answer to COMMIT was lost")

        with pytest.raises(NotExecuted):
            await Answered().run(reads, scope_of())
        for app in (stores_then_reads, may_have_stored):
            exchange = Answered()
            await exchange.run(app, scope_of())
            assert exchange.failure == UNAVAILABLE
