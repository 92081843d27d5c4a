"""The cell's database as the workload may use it: one workspace at a time, as a role that row-level security binds."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from cells.runtime.tenancy.scope import TenantScope
from cells.runtime.tenancy.transactions import READ_ONLY, READ_WRITE, scope_setting, transaction

_BOUNDS = {
    "lock_timeout": "5s",
    "statement_timeout": "15s",
    "idle_in_transaction_session_timeout": "10s",  # a process that hangs must not hold the fence for ever
    "synchronous_commit": "on",
}


class RoleBypassesIsolation(Exception):
    """The database role is not bound by row-level security; the cell must not serve as it."""


class Database:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    def reading(self, scope: TenantScope, *settings: str) -> AbstractAsyncContextManager[AsyncConnection]:
        """A read-only transaction over one snapshot (REPEATABLE READ) in which only the scope's rows exist.

        `settings`: what else holds in it, as `SET LOCAL` says it; at no further round trip.
        """
        return transaction(self._engine, READ_ONLY, _local(scope, settings))

    def writing(self, scope: TenantScope, *settings: str) -> AbstractAsyncContextManager[AsyncConnection]:
        """A read-write transaction (READ COMMITTED) in which only the scope's rows exist. For the log and for transfers alone.

        `settings`: as above.
        """
        return transaction(self._engine, READ_WRITE, _local(scope, settings))

    def census(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A read-only transaction that sees every row of `tenancy` and `due` (ids and times), and of no other table any."""
        return transaction(self._engine, READ_ONLY, "SET LOCAL waggle.census = 'on'")

    def upkeep(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A read-write transaction without a workspace: it sees no tenant's row. For partitions and catalogue questions."""
        return transaction(self._engine, READ_WRITE, "SET LOCAL waggle.workspace_id = ''")

    async def check_role(self) -> None:
        """Raises RoleBypassesIsolation unless the role is one that row-level security binds."""
        async with self.upkeep() as connection:
            row = (await connection.execute(text(_ROLE))).one()
        if row.rolsuper or row.rolbypassrls:
            raise RoleBypassesIsolation(f"role {row.rolname} bypasses row-level security; use waggle_app")


def _local(scope: TenantScope, settings: tuple[str, ...]) -> str:
    return "; ".join((scope_setting(scope), *(f"SET LOCAL {one}" for one in settings)))


_ROLE = "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"


@asynccontextmanager
async def open_database(
    url: str, *, pool_size: int = 8, overflow_max: int = 4, pool_timeout_s: float = 2.0, application: str = "waggle-cell"
) -> AsyncIterator[Database]:
    """Connects lazily: a database that is away makes work fail, not the start."""
    engine = create_async_engine(
        _driver_url(url),
        isolation_level="AUTOCOMMIT",
        pool_size=pool_size + overflow_max,  # all are kept: one made for a burst costs tens of milliseconds, just then
        max_overflow=0,
        pool_timeout=pool_timeout_s,
        pool_use_lifo=True,
        pool_reset_on_return=None,
        connect_args={"timeout": 5, "server_settings": {"application_name": application, **_BOUNDS}},
    )
    try:
        yield Database(engine)
    finally:
        await engine.dispose()


def _driver_url(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"postgresql+asyncpg://{rest}" if scheme in ("postgresql", "postgres") else url
