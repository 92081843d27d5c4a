from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.stars.star import Star
from cells.runtime.tenancy import TenantScope


class Stars:
    def __init__(self, connection: AsyncConnection, scope: TenantScope, user_id: str) -> None:
        self._connection = connection
        self._mine = {"w": scope.workspace_id, "u": user_id}

    async def insert(self, star: Star) -> bool:
        """False where it is there already."""
        values = {"item": star.item, "kind": star.kind, "c": star.channel_id, "ts": star.ts_us, "f": star.file_id, "at": star.created_us}
        return (await self._connection.execute(_INSERT, self._mine | values)).rowcount > 0

    async def remove(self, star: Star) -> bool:
        """False where it was not there."""
        return (await self._connection.execute(_REMOVE, self._mine | {"item": star.item})).rowcount > 0

    async def count(self) -> int:
        return int((await self._connection.execute(_COUNT, self._mine)).scalar_one())

    async def page(self, before_us: int, limit: int, skip: int = 0) -> list[Star]:
        """The newest first."""
        values = self._mine | {"before": before_us, "n": limit, "skip": skip}
        return [Star(*row) for row in await self._connection.execute(_PAGE, values)]

    async def visible_channels(self, channel_ids: Sequence[str], *, sees_public: bool) -> set[str]:
        """Those that the person may read at this moment."""
        values = self._mine | {"ids": list(channel_ids), "p": sees_public}
        return set((await self._connection.execute(_VISIBLE, values)).scalars())


_VISIBLE = text(
    "SELECT c.channel_id FROM channels c LEFT JOIN members m"
    " ON m.workspace_id = c.workspace_id AND m.channel_id = c.channel_id AND m.user_id = :u"
    " WHERE c.workspace_id = :w AND c.channel_id = ANY(CAST(:ids AS text[]))"
    " AND (m.user_id IS NOT NULL OR (c.kind = 'public_channel' AND :p))"
)
_INSERT = text(
    "INSERT INTO stars (workspace_id, user_id, item, kind, channel_id, ts_us, file_id, created_us)"
    " VALUES (:w, :u, :item, :kind, :c, :ts, :f, :at) ON CONFLICT DO NOTHING"
)
_REMOVE = text("DELETE FROM stars WHERE workspace_id = :w AND user_id = :u AND item = :item")
_COUNT = text("SELECT count(*) FROM stars WHERE workspace_id = :w AND user_id = :u")
_PAGE = text(
    "SELECT kind, channel_id, ts_us, file_id, created_us FROM stars WHERE workspace_id = :w AND user_id = :u AND created_us < :before"
    " ORDER BY created_us DESC LIMIT :n OFFSET :skip"
)
