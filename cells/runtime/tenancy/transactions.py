"""Transactions that see one workspace: BEGIN and the scope travel in one message, so isolation costs no round trip.

The connection is in the driver's AUTOCOMMIT mode; the BEGIN, COMMIT and ROLLBACK said here are the only ones.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cells.runtime.tenancy.errors import Overloaded
from cells.runtime.tenancy.scope import TenantScope
from chassis.errors import WaggleError

# In quotes: asyncpg's classes take parameters in their stubs only.
Driver: TypeAlias = "asyncpg.Connection[Any]"

ROLLBACK_TIMEOUT_S = 2.0
RETRY_AFTER_MS = 250
_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.InternalClientError,
)
READ_ONLY = "ISOLATION LEVEL REPEATABLE READ READ ONLY"
READ_WRITE = "ISOLATION LEVEL READ COMMITTED READ WRITE"
PLANNED_ONCE = "plan_cache_mode = force_generic_plan"
"""A setting of a transaction: each of its statements has one plan for any arguments, made once a connection. Left to itself PostgreSQL
plans some of them anew each time, over every partition, for several times the CPU of running them. For statements whose plans for
any arguments are tested to be good ones (`tests/slice/test_chat_plans.py`)."""
IN_ORDER = "enable_sort = off"
"""A setting of a transaction: what an index has in order is read from there, and no further than asked for. PostgreSQL takes columns
for independent, so it believes that a channel has next to no messages in a cell of many workspaces, and that reading them all and
sorting them costs less than the first twenty."""


class CommitUnknown(WaggleError):
    """The connection broke while COMMIT was on its way: the change may or may not be stored. Never sent again by itself: its
    client is told to ask again, and a post with the same `client_msg_id` is stored once.
    """

    code = "service_unavailable"


def scope_setting(scope: TenantScope) -> str:
    return f"SET LOCAL waggle.workspace_id = '{scope.workspace_id}'"


@asynccontextmanager
async def transaction(engine: AsyncEngine, mode: str, setting: str) -> AsyncIterator[AsyncConnection]:
    """Commits when the block ends, rolls back when it raises.

    Raises Overloaded when no connection is to be had or it broke before COMMIT (nothing was done, or PostgreSQL has rolled it
    back), CommitUnknown when the answer to COMMIT was lost.
    """
    connection = await _connect(engine)
    try:
        driver = driver_of(connection)
        await _begin(connection, driver, f"BEGIN {mode}; {setting}")
        try:
            yield connection
        except BaseException as error:
            if _is_lost(error, driver):
                await _discard(connection)
                raise Overloaded(f"the connection broke: {type(error).__name__}", retry_after_ms=RETRY_AFTER_MS) from error
            await _roll_back(connection, driver)
            raise
        await _commit(connection, driver)
    finally:
        await asyncio.shield(connection.close())


def driver_of(connection: AsyncConnection) -> Driver:
    """The driver's own connection, for the few statements that every change pays for: they cost a third there."""
    driver: Driver = connection.sync_connection.connection.driver_connection  # type: ignore[union-attr, assignment]  # it is connected
    return driver


def _is_lost(error: BaseException, driver: Driver) -> bool:
    """The connection broke, or its driver lost the thread; a fault of ours on a connection that lives is neither."""
    if isinstance(error, DBAPIError):
        error = (error.orig.__cause__ if error.orig is not None else None) or error
    return isinstance(error, _LOST) or (driver.is_closed() and isinstance(error, OSError | asyncpg.InterfaceError))


async def _connect(engine: AsyncEngine) -> AsyncConnection:
    try:
        return await _alive(engine)
    except (DBAPIError, PoolTimeout, OSError) as error:
        raise Overloaded(f"the database takes no connection: {type(error).__name__}", retry_after_ms=RETRY_AFTER_MS) from error


async def _alive(engine: AsyncEngine) -> AsyncConnection:
    """A server that restarted leaves dead connections in the pool, and they know it already."""
    connection = await engine.connect()
    while driver_of(connection).is_closed():
        await _discard(connection)
        await connection.close()
        connection = await engine.connect()
    return connection


async def _begin(connection: AsyncConnection, driver: Driver, statement: str) -> None:
    try:
        await driver.execute(statement)
    except BaseException as error:
        await _discard(connection)
        if isinstance(error, Exception):
            raise Overloaded(f"no transaction: {type(error).__name__}", retry_after_ms=RETRY_AFTER_MS) from error
        raise


async def _commit(connection: AsyncConnection, driver: Driver) -> None:
    try:
        answer = await driver.execute("COMMIT")
    except BaseException as error:
        await _discard(connection)
        if isinstance(error, Exception):
            raise CommitUnknown(f"the answer to COMMIT was lost: {type(error).__name__}") from error
        raise
    if answer != "COMMIT":
        raise RuntimeError(f"COMMIT answered {answer}: a statement had failed and was passed over")


async def _roll_back(connection: AsyncConnection, driver: Driver) -> None:
    """Best effort: a connection that cannot say ROLLBACK is closed, which says the same."""
    try:
        async with asyncio.timeout(ROLLBACK_TIMEOUT_S):
            await driver.execute("ROLLBACK")
    except BaseException as error:
        await _discard(connection)
        if not isinstance(error, Exception):
            raise


async def _discard(connection: AsyncConnection) -> None:
    await asyncio.shield(connection.invalidate())
