from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.log.snapshot import head_of
from cells.runtime.tenancy import TenantScope
from chassis.addresses import PEOPLE_MAX


@dataclass(frozen=True, slots=True)
class Standing:
    """Another one wherever a user came, or was changed."""

    users: int
    updated_us: int


class Addresses:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection, self._scope = connection, scope

    async def every(self) -> list[str]:
        """Of people who may sign in; at most 400,000."""
        found = await self._connection.execute(_EVERY, {"w": self._scope.workspace_id, "n": PEOPLE_MAX})
        return list(found.scalars())

    async def standing(self) -> Standing:
        return Standing(*(await self._connection.execute(_STANDING, {"w": self._scope.workspace_id})).one())

    async def head(self) -> int:
        return await head_of(self._connection, self._scope)


_EVERY = text("SELECT email FROM users WHERE workspace_id = :w AND email IS NOT NULL AND bot_id IS NULL AND NOT deleted LIMIT :n")
_STANDING = text("SELECT count(*), coalesce(max(updated_us), 0) FROM users WHERE workspace_id = :w")
