"""Taking a workspace's row from its writers: wait for those in flight, so long and no longer, and say who held it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Row, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.tenancy import Database, NotMine, Tenancy, TenantScope, driver_of, tenancy, tenancy_of
from chassis.errors import WaggleError

LOCK_TIMEOUT_MS = 2_000
LOCK_TIMEOUT_MS_MAX = 60_000
_LOOK_MS = 500
_LOCK_NOT_AVAILABLE = "55P03"

_BLOCKERS = text(
    "SELECT pid, application_name, state, extract(epoch FROM clock_timestamp() - xact_start) AS age_s"
    " FROM pg_stat_activity WHERE pid = ANY (pg_blocking_pids(:pid))"
)


class RowLocked(WaggleError):
    """The deadline passed; nothing was changed. The message names the backend that held the row."""

    code = "row_locked"


@asynccontextmanager
async def locked(
    database: Database, scope: TenantScope, timeout_ms: int = LOCK_TIMEOUT_MS, *, written: bool = True
) -> AsyncIterator[tuple[AsyncConnection, Tenancy]]:
    """The row as it is once every transaction of the workspace has ended; commits when the block ends.

    Not `written`: commits without waiting for the disk; see `Ownership.take`.

    Raises NotMine without a row, RowLocked past the deadline (at most 0.5 s after it).
    """
    timeout_ms = min(timeout_ms or LOCK_TIMEOUT_MS, LOCK_TIMEOUT_MS_MAX)
    async with database.writing(scope, *_bounds(timeout_ms), f"synchronous_commit = {'on' if written else 'off'}") as connection:
        row = await _lock(database, connection, scope, timeout_ms)
        if row is None:
            raise NotMine(scope.workspace_id)
        yield connection, tenancy_of(row)


def _bounds(timeout_ms: int) -> tuple[str, str]:
    """The server gives up by itself a little after the deadline, so that there is still a wait to look at when it comes."""
    return f"lock_timeout = {timeout_ms + _LOOK_MS:d}", f"statement_timeout = {timeout_ms + 2 * _LOOK_MS:d}"


async def _lock(database: Database, connection: AsyncConnection, scope: TenantScope, timeout_ms: int) -> Row[Any] | None:
    driver = driver_of(connection)
    waiting = asyncio.create_task(_select(connection, scope))
    blockers = ""
    try:
        done, _ = await asyncio.wait({waiting}, timeout=timeout_ms / 1000)
        if not done:
            blockers = await _blockers(database, driver.get_server_pid())
        return await waiting
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        raise RowLocked(
            f"workspace {scope.workspace_id} stayed locked for {timeout_ms} ms by {blockers or 'a transaction that has ended'}"
        ) from error
    finally:
        if not waiting.done():
            waiting.cancel()
            await asyncio.wait({waiting}, timeout=2 * _LOOK_MS / 1000)


async def _select(connection: AsyncConnection, scope: TenantScope) -> Row[Any] | None:
    mine = select(tenancy).where(tenancy.c.workspace_id == scope.workspace_id).with_for_update(key_share=True)
    return (await connection.execute(mine)).one_or_none()


async def _blockers(database: Database, pid: int) -> str:
    async with database.upkeep() as connection:
        rows = (await connection.execute(_BLOCKERS, {"pid": pid})).all()
    return ", ".join(
        f"pid {row.pid} ({row.application_name or 'unnamed'}, {row.state or 'hidden'}, {float(row.age_s or 0):.1f} s)" for row in rows
    )
