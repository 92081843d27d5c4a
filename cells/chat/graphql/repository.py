"""The statements of an initial load. Each answers for any number of rows; none is asked a row at a time."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.tenancy import TenantScope, driver_of

Record = Any
"""A row of the driver: thousands of them, and SQLAlchemy's cost three times as much."""


class LoadRows:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._driver = driver_of(connection)
        self._workspace = scope.workspace_id

    async def viewer(self, user_id: str) -> Record:
        """The workspace and its user, in one row; None where either is not there."""
        return await self._driver.fetchrow(_VIEWER, self._workspace, user_id)

    async def users(self, user_ids: Collection[str], guest_id: str) -> Sequence[Record]:
        """With `guest_id` those alone whom that guest may know of."""
        return await self._driver.fetch(_USERS_BY_ID, self._workspace, guest_id, list(user_ids))

    async def members(self, after_id: str, limit: int, guest_id: str) -> Sequence[Record]:
        """In the order of ids."""
        return await self._driver.fetch(_MEMBERS, self._workspace, guest_id, after_id, limit)

    async def channels(self, channel_ids: Collection[str]) -> Sequence[Record]:
        return await self._driver.fetch(_CHANNELS, self._workspace, list(channel_ids))

    async def last_messages(self, heads: Collection[tuple[str, int]]) -> Sequence[Record]:
        """With their authors."""
        return await self._driver.fetch(_LAST, self._workspace, [head[0] for head in heads], [head[1] for head in heads])


_USER = "u.user_id, u.name, u.real_name, u.email, u.bot_id, u.role, u.deleted, u.updated_us, u.profile, s.manual_away, s.snooze_until_us"
_STANDING = " LEFT JOIN standings s ON s.workspace_id = $1 AND s.user_id = u.user_id"
# Guests know of people with whom they share a conversation, and of themselves.
_USERS = (
    f"SELECT {_USER} FROM users u{_STANDING} WHERE u.workspace_id = $1"  # noqa: S608 - columns of ours
    " AND ($2 = '' OR u.user_id = $2 OR EXISTS (SELECT 1 FROM members mine JOIN members theirs ON theirs.workspace_id = $1"
    " AND theirs.channel_id = mine.channel_id AND theirs.user_id = u.user_id WHERE mine.workspace_id = $1 AND mine.user_id = $2))"
)
_VIEWER = (
    f"SELECT t.workspace_id AS team_id, t.name AS team_name, t.domain, t.general_id, t.created_us, {_USER}"  # noqa: S608 - columns of ours
    f" FROM teams t JOIN users u ON u.workspace_id = $1 AND u.user_id = $2{_STANDING} WHERE t.workspace_id = $1"
)
_USERS_BY_ID = f"{_USERS} AND u.user_id = ANY($3)"
_MEMBERS = f"{_USERS} AND u.user_id > $3 ORDER BY u.user_id LIMIT $4"
_CHANNELS = (
    "SELECT channel_id, kind, name, creator_id, created_us, archived, is_general, topic, purpose, people, num_members"
    " FROM channels WHERE workspace_id = $1 AND channel_id = ANY($2)"
)
_LAST = (
    f"SELECT m.channel_id, m.ts_us, m.text, m.user_id AS author_id, m.thread_us, {_USER}"  # noqa: S608 - columns of ours
    " FROM unnest($2::text[], $3::bigint[]) AS r(c, ts)"
    " JOIN messages m ON m.workspace_id = $1 AND m.channel_id = r.c AND m.ts_us = r.ts AND m.deleted_us IS NULL"
    " LEFT JOIN users u ON u.workspace_id = $1 AND u.user_id = m.user_id"
    f"{_STANDING}"
)
