"""Connections as the owner of the tables, for moves alone: publications, subscriptions, COPY and deletion need one.

They are kept for a while: while a workspace is frozen, people would wait for each connection made, and for each statement planned.
"""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

import asyncpg

from chassis.identity import WorkspaceId

CONNECT_S_MAX = 5.0
CONNECTIONS_MAX = 12
KEPT_S = 60.0
MODEST = {"application_name": "waggle-move", "max_parallel_workers_per_gather": "0"}
"""Settings of a move's connections: none of its statements takes more than one core from those who are served there."""
Owner: TypeAlias = "asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]"


class OwnerDatabase:
    def __init__(self, url: str) -> None:
        self.url = url
        self._pool: asyncpg.Pool[Any] | None = None

    @asynccontextmanager
    async def connected(self, workspace_id: WorkspaceId | None = None) -> AsyncIterator[Owner]:
        """Autocommit; sees the workspace's rows even where row-level security is forced upon the owner.

        Raises what asyncpg raises, TimeoutError when none of `CONNECTIONS_MAX` is free within `CONNECT_S_MAX`.
        """
        async with (await self._connections()).acquire(timeout=CONNECT_S_MAX) as connection:
            if workspace_id is not None:
                await connection.execute("SELECT set_config('waggle.workspace_id', $1, false)", workspace_id)
            yield connection

    async def _connections(self) -> "asyncpg.Pool[Any]":
        if self._pool is None:
            self._pool = asyncpg.create_pool(
                self.url,
                min_size=0,
                max_size=CONNECTIONS_MAX,
                max_inactive_connection_lifetime=KEPT_S,
                timeout=CONNECT_S_MAX,
                server_settings=MODEST,
            )
        return await self._pool

    async def close(self) -> None:
        if self._pool is None:
            return
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    @property
    def database(self) -> str:
        return urlsplit(self.url).path.lstrip("/")

    def password_for(self, role: str) -> str:
        """Of a role made for one move: found again by whoever says the verb again, stored nowhere."""
        mine = unquote(urlsplit(self.url).password or "")
        return hmac.new(mine.encode(), role.encode(), hashlib.sha256).hexdigest()

    def connection_for(self, role: str) -> str:
        """libpq keywords by which the other cell reaches this database as `role`."""
        parts = urlsplit(self.url)
        return f"host={parts.hostname} port={parts.port or 5432} dbname={self.database} user={role} password={self.password_for(role)}"


def url_of(connection: str) -> str:
    """The same address for asyncpg, which takes URLs."""
    said = dict(word.split("=", 1) for word in connection.split())
    return f"postgresql://{said['user']}:{said['password']}@{said['host']}:{said['port']}/{said['dbname']}"
