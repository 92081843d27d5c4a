from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.pins.pin import Pin
from cells.runtime.tenancy import TenantScope


class Pins:
    """A deleted message takes its pin along."""

    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def of(self, channel_id: str, limit: int) -> list[Pin]:
        """The latest pinned first."""
        rows = await self._connection.execute(_OF, {"w": self._workspace, "c": channel_id, "n": limit})
        return [Pin(*row) for row in rows]

    async def count(self, channel_id: str) -> int:
        return int((await self._connection.execute(_COUNT, {"w": self._workspace, "c": channel_id})).scalar_one())

    async def insert(self, channel_id: str, pin: Pin) -> bool:
        """False where there was one."""
        values = {"w": self._workspace, "c": channel_id, "ts": pin.ts_us, "u": pin.user_id, "at": pin.created_us}
        return (await self._connection.execute(_INSERT, values)).rowcount > 0

    async def remove(self, channel_id: str, ts_us: int) -> bool:
        """Whether there was one."""
        return (await self._connection.execute(_REMOVE, {"w": self._workspace, "c": channel_id, "ts": ts_us})).rowcount > 0


_HERE = " FROM pins WHERE workspace_id = :w AND channel_id = :c"
_OF = text(f"SELECT ts_us, user_id, created_us{_HERE} ORDER BY created_us DESC LIMIT :n")
_COUNT = text(f"SELECT count(*){_HERE}")
_INSERT = text(
    "INSERT INTO pins (workspace_id, channel_id, ts_us, user_id, created_us) VALUES (:w, :c, :ts, :u, :at) ON CONFLICT DO NOTHING"
)
_REMOVE = text("DELETE FROM pins WHERE workspace_id = :w AND channel_id = :c AND ts_us = :ts")
