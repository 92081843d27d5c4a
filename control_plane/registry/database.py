"""The registry: one engine, one object for each noun."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import event, make_url
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from chassis.clock import SystemClock
from control_plane.registry.addresses import Addresses
from control_plane.registry.cells import Cells
from control_plane.registry.counting import Counts
from control_plane.registry.failovers import Failovers
from control_plane.registry.flags import Flags
from control_plane.registry.heartbeats import Heartbeats
from control_plane.registry.loads import Loads
from control_plane.registry.moves import Moves
from control_plane.registry.paces import Paces
from control_plane.registry.records import AdminTokens, Audit, Routers
from control_plane.registry.rollouts import Rollouts
from control_plane.registry.runs import Runs
from control_plane.registry.versions import CHANNEL, DirectoryRows
from control_plane.registry.workspaces import Workspaces

CONNECT_TIMEOUT_S = 5.0
STATEMENT_TIMEOUT_MS = 10_000
POOL_WAIT_S_MAX = 5.0

DATABASE_AWAY: tuple[type[Exception], ...] = (DBAPIError, PoolTimeout, OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What any call of the registry may raise while its database is down, restarting or swamped."""


@dataclass(frozen=True, slots=True)
class Registry:
    cells: Cells
    heartbeats: Heartbeats
    workspaces: Workspaces
    moves: Moves
    paces: Paces
    directory: DirectoryRows
    audit: Audit
    tokens: AdminTokens
    routers: Routers
    addresses: Addresses
    rollouts: Rollouts
    flags: Flags
    loads: Loads
    runs: Runs
    failovers: Failovers


@asynccontextmanager
async def open_registry(url: str, *, pool_size: int = 8) -> AsyncIterator[Registry]:
    """Connections to the control plane's database, all closed at the end. `url` is postgresql://…"""
    engine = create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_WAIT_S_MAX,
        pool_use_lifo=True,  # what was asked last on a connection is prepared there
        connect_args={"timeout": CONNECT_TIMEOUT_S, "server_settings": {"statement_timeout": str(STATEMENT_TIMEOUT_MS)}},
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    try:
        yield _registry(engine)
    finally:
        await engine.dispose()


def _refuse_closed(_connection: Any, record: Any, _proxy: Any) -> None:
    """A server that restarted leaves closed connections in the pool, and they know it already: to ask each would be three round trips."""
    if record.driver_connection.is_closed():
        raise InvalidatePoolError("the connection was closed")


def _registry(engine: AsyncEngine) -> Registry:
    counts = Counts(SystemClock())
    return Registry(
        cells=Cells(engine, counts),
        heartbeats=Heartbeats(engine),
        workspaces=Workspaces(engine, counts),
        moves=Moves(engine),
        paces=Paces(engine),
        directory=DirectoryRows(engine),
        audit=Audit(engine),
        tokens=AdminTokens(engine),
        routers=Routers(engine),
        addresses=Addresses(engine),
        rollouts=Rollouts(engine),
        flags=Flags(engine),
        loads=Loads(engine),
        runs=Runs(engine),
        failovers=Failovers(engine),
    )


@asynccontextmanager
async def listening(url: str, on_change: Callable[[], None]) -> AsyncIterator[Callable[[], bool]]:
    """Call `on_change` for each committed change of the directory, by this replica or another.

    Yields a function that says whether the connection still lives; after it says no, nothing more is heard on it.
    """
    connection: Any = await asyncpg.connect(make_url(url).set(drivername="postgresql").render_as_string(False), timeout=CONNECT_TIMEOUT_S)
    try:
        await connection.add_listener(CHANNEL, lambda *_: on_change())
        yield lambda: not connection.is_closed()
    finally:
        connection.terminate()
