from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.reactions.reaction import Reaction
from cells.chat.domain.roles.guests import IS_GUEST
from cells.runtime.tenancy import Prepared, TenantScope


class Reactions:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def of(self, channel_id: str, ts_us: Sequence[int]) -> dict[int, list[Reaction]]:
        """By message; the first emoji first."""
        found: dict[int, list[Reaction]] = {}
        if ts_us:
            rows = await _OF_MESSAGES.fetch(self._connection, {"w": self._workspace, "c": channel_id, "ts": list(ts_us)})
            for row in rows:
                found.setdefault(row["ts_us"], []).append(Reaction(row["name"], tuple(row["people"])))
        return found

    async def of_user(self, user_id: str, viewer_id: str, limit: int, offset: int) -> list[tuple[str, int]]:
        """Channel and time of the messages that the user reacted to and the viewer may see; the latest reaction first."""
        values = {"w": self._workspace, "whose": user_id, "u": viewer_id, "n": limit, "skip": offset}
        return [(row.channel_id, row.ts_us) for row in await self._connection.execute(_OF_USER, values)]

    async def count_of(self, user_id: str, viewer_id: str) -> int:
        found: int = (await self._connection.execute(_COUNT, {"w": self._workspace, "whose": user_id, "u": viewer_id})).scalar_one()
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
# Reacted to by one person: bounded by what a person does, so they are grouped before they are looked up.
_SEEN = (
    " FROM (SELECT channel_id, ts_us, max(created_us) AS at_us FROM reactions WHERE workspace_id = :w AND user_id = :whose"  # noqa: S608
    " GROUP BY channel_id, ts_us) r JOIN channels c ON c.workspace_id = :w AND c.channel_id = r.channel_id"
    " JOIN messages x ON x.workspace_id = :w AND x.channel_id = r.channel_id AND x.ts_us = r.ts_us AND x.deleted_us IS NULL"
    " LEFT JOIN members m ON m.workspace_id = :w AND m.channel_id = r.channel_id AND m.user_id = :u"
    f" WHERE m.user_id IS NOT NULL OR (c.kind = 'public_channel' AND NOT {IS_GUEST.format(user=':u')})"
)
_OF_USER = text(f"SELECT r.channel_id, r.ts_us{_SEEN} ORDER BY r.at_us DESC, r.ts_us DESC LIMIT :n OFFSET :skip")
_COUNT = text(f"SELECT count(*){_SEEN}")
_INSERT = text("INSERT INTO reactions (workspace_id, channel_id, ts_us, name, user_id, created_us) VALUES (:w, :c, :ts, :name, :u, :at)")
_REMOVE = text("DELETE FROM reactions WHERE workspace_id = :w AND channel_id = :c AND ts_us = :ts AND name = :name AND user_id = :u")
_OF_MESSAGES = Prepared(_OF)
