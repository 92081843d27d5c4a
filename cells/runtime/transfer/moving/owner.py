"""Connections as the owner of the tables, for moves alone: publications, subscriptions, COPY and deletion need one."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

import asyncpg

from chassis.identity import WorkspaceId

CONNECT_S_MAX = 5.0
Owner: TypeAlias = "asyncpg.Connection[Any]"


@dataclass(frozen=True)
class OwnerDatabase:
    url: str

    @asynccontextmanager
    async def connected(self, workspace_id: WorkspaceId | None = None) -> AsyncIterator[Owner]:
        """Autocommit; sees the workspace's rows even where row-level security is forced upon the owner."""
        connection = await asyncpg.connect(self.url, timeout=CONNECT_S_MAX, server_settings={"application_name": "waggle-move"})
        try:
            if workspace_id is not None:
                await connection.execute("SELECT set_config('waggle.workspace_id', $1, false)", workspace_id)
            yield connection
        finally:
            await connection.close(timeout=CONNECT_S_MAX)

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
