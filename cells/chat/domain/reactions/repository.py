from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.reactions.reaction import Reaction
from cells.runtime.tenancy import TenantScope


class Reactions:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def of(self, channel_id: str, ts_us: Sequence[int]) -> dict[int, list[Reaction]]:
        """By message; the first emoji first."""
        found: dict[int, list[Reaction]] = {}
        if ts_us:
            rows = await self._connection.execute(_OF, {"w": self._workspace, "c": channel_id, "ts": list(ts_us)})
            for row in rows:
                found.setdefault(row.ts_us, []).append(Reaction(row.name, tuple(row.people)))
        return found

    async def insert(self, channel_id: str, ts_us: int, name: str, user_id: str, now_us: int) -> None:
        values = {"w": self._workspace, "c": channel_id, "ts": ts_us, "name": name, "u": user_id, "at": now_us}
        await self._connection.execute(_INSERT, values)

    async def remove(self, channel_id: str, ts_us: int, name: str, user_id: str) -> bool:
        """Whether there was one."""
        values = {"w": self._workspace, "c": channel_id, "ts": ts_us, "name": name, "u": user_id}
        return (await self._connection.execute(_REMOVE, values)).rowcount > 0


_OF = text(
    "SELECT ts_us, name, array_agg(user_id ORDER BY created_us, user_id) AS people FROM reactions"
    " WHERE workspace_id = :w AND channel_id = :c AND ts_us = ANY(CAST(:ts AS bigint[]))"
    " GROUP BY ts_us, name ORDER BY ts_us, min(created_us)"
)
_INSERT = text("INSERT INTO reactions (workspace_id, channel_id, ts_us, name, user_id, created_us) VALUES (:w, :c, :ts, :name, :u, :at)")
_REMOVE = text("DELETE FROM reactions WHERE workspace_id = :w AND channel_id = :c AND ts_us = :ts AND name = :name AND user_id = :u")
