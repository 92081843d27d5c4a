from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.tenancy import TenantScope


@dataclass(frozen=True, slots=True)
class Emoji:
    name: str
    url: str
    """Where its picture is; of an alias the empty string."""
    alias_for: str | None
    creator_id: str
    created_us: int

    @property
    def shown(self) -> str:
        return f"alias:{self.alias_for}" if self.alias_for else self.url


class CustomEmoji:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def get(self, name: str) -> Emoji | None:
        row = (await self._connection.execute(_GET, {"w": self._workspace, "name": name})).one_or_none()
        return Emoji(*row) if row else None

    async def page(self, after: str, limit: int) -> list[Emoji]:
        """By name."""
        return [Emoji(*row) for row in await self._connection.execute(_PAGE, {"w": self._workspace, "after": after, "n": limit})]

    async def count(self) -> int:
        return int((await self._connection.execute(_COUNT, {"w": self._workspace})).scalar_one())

    async def insert(self, emoji: Emoji) -> None:
        values = {"w": self._workspace, "name": emoji.name, "url": emoji.url, "alias": emoji.alias_for, "by": emoji.creator_id}
        await self._connection.execute(_INSERT, values | {"at": emoji.created_us})

    async def change_name(self, name: str, new_name: str) -> None:
        """Aliases follow."""
        await self._connection.execute(_RENAME, {"w": self._workspace, "name": name, "new": new_name})
        await self._connection.execute(_FOLLOW, {"w": self._workspace, "name": name, "new": new_name})

    async def remove(self, name: str) -> list[str]:
        """With its aliases; the names that are gone."""
        return list((await self._connection.execute(_REMOVE, {"w": self._workspace, "name": name})).scalars())


_FROM = "SELECT name, url, alias_for, creator_id, created_us FROM emoji WHERE workspace_id = :w"
_GET = text(f"{_FROM} AND name = :name")
_PAGE = text(f"{_FROM} AND name > :after ORDER BY name LIMIT :n")
_COUNT = text("SELECT count(*) FROM emoji WHERE workspace_id = :w")
_INSERT = text("INSERT INTO emoji (workspace_id, name, url, alias_for, creator_id, created_us) VALUES (:w, :name, :url, :alias, :by, :at)")
_RENAME = text("UPDATE emoji SET name = :new WHERE workspace_id = :w AND name = :name")
_FOLLOW = text("UPDATE emoji SET alias_for = :new WHERE workspace_id = :w AND alias_for = :name")
_REMOVE = text("DELETE FROM emoji WHERE workspace_id = :w AND (name = :name OR alias_for = :name) RETURNING name")
