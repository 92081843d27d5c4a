from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.roles.audience import FULL_MEMBERS
from cells.chat.domain.roles.role import Role
from cells.runtime.tenancy import TenantScope


class Members:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def page(self, channel_id: str, after_id: str, limit: int) -> list[str]:
        """User ids in order, after `after_id`; at most `limit`."""
        rows = await self._connection.execute(_LIST, {"w": self._workspace, "c": channel_id, "after": after_id, "n": limit})
        return [row.user_id for row in rows]

    async def count(self, channel_id: str) -> int:
        return int((await self._connection.execute(_COUNT, {"w": self._workspace, "c": channel_id})).scalar_one())

    async def among(self, channel_id: str, user_ids: Sequence[str]) -> frozenset[str]:
        """Those of `user_ids` that are in the channel."""
        rows = await self._connection.execute(_AMONG, {"w": self._workspace, "c": channel_id, "u": list(user_ids)})
        return frozenset(row.user_id for row in rows)

    async def groups_of_active(self, user_ids: Sequence[str]) -> dict[str, frozenset[str]]:
        """What each of these users hears, as far as there is one who is not deactivated: their channels, and all but guests what is
        said of public ones.
        """
        rows = await self._connection.execute(_GROUPS_OF_ACTIVE, {"w": self._workspace, "u": list(user_ids)})
        return {row.user_id: frozenset(row.channels) | (frozenset() if Role(row.role).is_guest else {FULL_MEMBERS}) for row in rows}

    async def sharing(self, user_id: str, others: Sequence[str]) -> frozenset[str]:
        """Those of `others` that are in a conversation with the user."""
        rows = await self._connection.execute(_SHARING, {"w": self._workspace, "u": user_id, "o": list(others)})
        return frozenset(row.user_id for row in rows)

    async def named_channels_of(self, user_ids: Sequence[str]) -> dict[str, int]:
        """How many channels with names each of these users is in that are not archived; absent: none."""
        rows = await self._connection.execute(_NAMED, {"w": self._workspace, "u": list(user_ids)})
        return {row.user_id: row.channels for row in rows}

    async def change_closed(self, channel_id: str, user_id: str, closed_us: int) -> None:
        """0: open."""
        await self._connection.execute(_CLOSE, {"w": self._workspace, "c": channel_id, "u": user_id, "at": closed_us})

    async def insert(self, channel_id: str, user_ids: Sequence[str], now_us: int) -> None:
        await self._connection.execute(_INSERT, {"w": self._workspace, "c": channel_id, "u": list(user_ids), "at": now_us})

    async def remove(self, channel_id: str, user_id: str) -> None:
        await self._connection.execute(_REMOVE, {"w": self._workspace, "c": channel_id, "u": user_id})


_LIST = text("SELECT user_id FROM members WHERE workspace_id = :w AND channel_id = :c AND user_id > :after ORDER BY user_id LIMIT :n")
_COUNT = text("SELECT num_members FROM channels WHERE workspace_id = :w AND channel_id = :c")
_AMONG = text("SELECT user_id FROM members WHERE workspace_id = :w AND channel_id = :c AND user_id = ANY(CAST(:u AS text[]))")
_GROUPS_OF_ACTIVE = text(
    "SELECT u.user_id, u.role, ARRAY(SELECT m.channel_id FROM members m WHERE m.workspace_id = :w AND m.user_id = u.user_id) AS channels"
    " FROM users u WHERE u.workspace_id = :w AND u.user_id = ANY(CAST(:u AS text[])) AND NOT u.deleted"
)
_SHARING = text(
    "SELECT o AS user_id FROM unnest(CAST(:o AS text[])) AS o WHERE EXISTS (SELECT 1 FROM members mine JOIN members theirs"
    " ON theirs.workspace_id = :w AND theirs.channel_id = mine.channel_id AND theirs.user_id = o"
    " WHERE mine.workspace_id = :w AND mine.user_id = :u)"
)
_NAMED = text(
    "SELECT m.user_id, count(*) AS channels FROM members m"
    " JOIN channels c ON c.workspace_id = :w AND c.channel_id = m.channel_id AND c.people = '' AND NOT c.archived"
    " WHERE m.workspace_id = :w AND m.user_id = ANY(CAST(:u AS text[])) GROUP BY m.user_id"
)
_CLOSE = text("UPDATE members SET closed_us = :at WHERE workspace_id = :w AND channel_id = :c AND user_id = :u")
# The channel's own count goes with them, in the same statement: counting 50,000 members to show a number takes 10 ms each time.
_INSERT = text(
    "WITH joined AS (INSERT INTO members (workspace_id, channel_id, user_id, joined_us, last_read_us)"
    " SELECT :w, :c, u, :at, 0 FROM unnest(CAST(:u AS text[])) AS u RETURNING 1)"
    " UPDATE channels SET num_members = num_members + (SELECT count(*) FROM joined) WHERE workspace_id = :w AND channel_id = :c"
)
_REMOVE = text(
    "WITH gone AS (DELETE FROM members WHERE workspace_id = :w AND channel_id = :c AND user_id = :u RETURNING 1)"
    " UPDATE channels SET num_members = num_members - (SELECT count(*) FROM gone) WHERE workspace_id = :w AND channel_id = :c"
)
