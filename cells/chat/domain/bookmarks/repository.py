from dataclasses import asdict

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.bookmarks.bookmark import Bookmark
from cells.runtime.tenancy import TenantScope


class Bookmarks:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def of(self, channel_id: str, limit: int) -> list[Bookmark]:
        """In the order in which they were made."""
        rows = await self._connection.execute(_OF, {"w": self._workspace, "c": channel_id, "n": limit})
        return [Bookmark(*row) for row in rows]

    async def get(self, channel_id: str, bookmark_id: str) -> Bookmark | None:
        row = (await self._connection.execute(_GET, {"w": self._workspace, "c": channel_id, "b": bookmark_id})).one_or_none()
        return Bookmark(*row) if row else None

    async def insert(self, bookmark: Bookmark) -> None:
        await self._connection.execute(_INSERT, {**asdict(bookmark), "w": self._workspace})

    async def change(self, bookmark: Bookmark) -> None:
        await self._connection.execute(_CHANGE, {**asdict(bookmark), "w": self._workspace})

    async def remove(self, channel_id: str, bookmark_id: str) -> None:
        await self._connection.execute(_REMOVE, {"w": self._workspace, "c": channel_id, "b": bookmark_id})


_COLUMNS = "bookmark_id, channel_id, title, link, emoji, created_by, updated_by, created_us, updated_us"
_FROM = f"SELECT {_COLUMNS} FROM bookmarks WHERE workspace_id = :w AND channel_id = :c"  # noqa: S608 - columns of ours
_OF = text(f"{_FROM} ORDER BY created_us, bookmark_id LIMIT :n")
_GET = text(f"{_FROM} AND bookmark_id = :b")
_INSERT = text(
    f"INSERT INTO bookmarks (workspace_id, {_COLUMNS})"  # noqa: S608 - columns of ours
    " VALUES (:w, :bookmark_id, :channel_id, :title, :link, :emoji, :created_by, :updated_by, :created_us, :updated_us)"
)
_CHANGE = text(
    "UPDATE bookmarks SET title = :title, link = :link, emoji = :emoji, updated_by = :updated_by, updated_us = :updated_us"
    " WHERE workspace_id = :w AND channel_id = :channel_id AND bookmark_id = :bookmark_id"
)
_REMOVE = text("DELETE FROM bookmarks WHERE workspace_id = :w AND channel_id = :c AND bookmark_id = :b")
