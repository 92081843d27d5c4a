from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.tenancy import TenantScope


@dataclass(frozen=True, slots=True)
class Expired:
    channel_id: str
    ts_us: int
    answered: bool
    """Somebody has answered in its thread, later than what goes: an empty message stays in its place."""


class Retentions:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def days(self) -> int | None:
        found = (await self._connection.execute(_DAYS, {"w": self._workspace})).scalar_one_or_none()
        return None if found is None else int(found)

    async def put(self, days: int, now_us: int) -> None:
        await self._connection.execute(_PUT, {"w": self._workspace, "days": days, "at": now_us})

    async def remove(self) -> None:
        await self._connection.execute(_REMOVE, {"w": self._workspace})

    async def expired(self, before_us: int, limit: int) -> list[Expired]:
        """The first of those said before then. An empty message that stays for its thread's sake is not named again."""
        rows = await self._connection.execute(_EXPIRED, {"w": self._workspace, "before": before_us, "n": limit})
        return [Expired(*row) for row in rows]

    async def oldest_us(self) -> int | None:
        """When the oldest message was said that is there; None where there is none."""
        found = (await self._connection.execute(_OLDEST, {"w": self._workspace})).scalar_one_or_none()
        return None if found is None else int(found)

    async def take_away(self, messages: Sequence[Expired], now_us: int) -> None:
        """The messages with all that hangs on them; of one that is answered its place stays, and nothing that it said."""
        for statement in _HANGING:
            await self._connection.execute(statement, self._keys(messages))
        await self._connection.execute(_DELETE, self._keys([one for one in messages if not one.answered]))
        await self._connection.execute(_EMPTY, self._keys([one for one in messages if one.answered]) | {"at": now_us})
        channels = {"w": self._workspace, "channels": sorted({one.channel_id for one in messages})}
        await self._connection.execute(_LATEST, channels)

    def _keys(self, messages: Sequence[Expired]) -> dict[str, object]:
        return {"w": self._workspace, "c": [one.channel_id for one in messages], "ts": [one.ts_us for one in messages]}


_DAYS = text("SELECT days FROM retentions WHERE workspace_id = :w")
_PUT = text(
    "INSERT INTO retentions (workspace_id, days, set_us) VALUES (:w, :days, :at)"
    " ON CONFLICT (workspace_id) DO UPDATE SET days = excluded.days, set_us = excluded.set_us"
)
_REMOVE = text("DELETE FROM retentions WHERE workspace_id = :w")
_OLDEST = text("SELECT min(ts_us) FROM messages WHERE workspace_id = :w AND deleted_us IS NULL")
_EXPIRED = text(
    "SELECT channel_id, ts_us, answered FROM (SELECT m.channel_id, m.ts_us, m.deleted_us, EXISTS (SELECT 1 FROM messages r"
    " WHERE r.workspace_id = :w AND r.channel_id = m.channel_id AND r.thread_us = m.ts_us AND r.ts_us >= :before AND r.deleted_us IS NULL)"
    " AS answered FROM messages m WHERE m.workspace_id = :w AND m.ts_us < :before) AS each"
    " WHERE NOT (answered AND deleted_us IS NOT NULL) LIMIT :n"
)
_KEYS = "SELECT * FROM unnest(CAST(:c AS text[]), CAST(:ts AS bigint[]))"
_DELETE = text(f"DELETE FROM messages WHERE workspace_id = :w AND (channel_id, ts_us) IN ({_KEYS})")  # noqa: S608 - words of ours
_EMPTY = text(
    "UPDATE messages SET text = '', extras = NULL, client_msg_id = NULL, deleted_us = :at"  # noqa: S608 - words of ours
    f" WHERE workspace_id = :w AND (channel_id, ts_us) IN ({_KEYS})"
)
_TABLES = ("reactions", "mentions", "pins", "message_versions", "stars", "file_shares")
_HANGING = [
    text(f"DELETE FROM {table} WHERE workspace_id = :w AND (channel_id, ts_us) IN ({_KEYS})")  # noqa: S608 - words of ours
    for table in _TABLES
]
_LATEST = text(
    "UPDATE channels c SET latest_us = coalesce((SELECT x.ts_us FROM messages x WHERE x.workspace_id = :w AND x.channel_id = c.channel_id"
    " AND (x.thread_us IS NULL OR x.broadcast) AND x.deleted_us IS NULL ORDER BY x.ts_us DESC LIMIT 1), 0)"
    " WHERE c.workspace_id = :w AND c.channel_id = ANY(CAST(:channels AS text[])) AND c.latest_us > 0 AND NOT EXISTS (SELECT 1"
    " FROM messages m WHERE m.workspace_id = :w AND m.channel_id = c.channel_id AND m.ts_us = c.latest_us AND m.deleted_us IS NULL)"
)
