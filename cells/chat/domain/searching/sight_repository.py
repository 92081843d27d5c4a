from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.channels.channel import ChannelKind
from cells.runtime.tenancy import Prepared, TenantScope


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was found."""

    channel_id: str
    kind: ChannelKind
    name: str
    people: str


@dataclass(frozen=True, slots=True)
class View:
    """A user's time zone, and every conversation that they may read."""

    zone: str
    channels: frozenset[str]


class Sight:
    """What a user may see at the moment of the snapshot, and whom names mean."""

    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def channels(self, user_id: str, *, sees_public: bool) -> frozenset[str]:
        """Every conversation that the user may read."""
        return (await self.view(user_id, sees_public=sees_public)).channels

    async def view(self, user_id: str, *, sees_public: bool) -> View:
        [(zone, channels)] = await _VIEW.fetch(self._connection, {"w": self._workspace, "u": user_id, "p": sees_public})
        return View(zone or "Etc/UTC", frozenset(channels))

    async def users_called(self, name: str) -> frozenset[str]:
        """By id, name, whole name or bot's id; a name may be several people's."""
        rows = await _CALLED.fetch(self._connection, {"w": self._workspace, "n": name})
        return frozenset(row["user_id"] for row in rows)

    async def channels_called(self, name: str, seen: Collection[str]) -> frozenset[str]:
        """By id or name, among those that are seen."""
        rows = await _CHANNEL.fetch(self._connection, {"w": self._workspace, "n": name})
        return frozenset(row["channel_id"] for row in rows) & frozenset(seen)

    async def directs_with(self, user_id: str, others: Sequence[str], *, alone: bool) -> frozenset[str]:
        """Direct conversations of the user with any of `others`; `alone`: with nobody else."""
        values = {"w": self._workspace, "u": user_id, "o": list(others), "kinds": ["im"] if alone else ["im", "mpim"]}
        rows = await self._connection.execute(_DIRECTS, values)
        return frozenset(row.channel_id for row in rows)

    async def places(self, channel_ids: Collection[str]) -> dict[str, Place]:
        rows = await _PLACES.fetch(self._connection, {"w": self._workspace, "ids": list(channel_ids)})
        return {row["channel_id"]: Place(row["channel_id"], ChannelKind(row["kind"]), row["name"], row["people"]) for row in rows}

    async def names(self, user_ids: Collection[str]) -> dict[str, str]:
        rows = await _NAMES.fetch(self._connection, {"w": self._workspace, "ids": list(user_ids)})
        return {row["user_id"]: row["name"] for row in rows}

    async def users_beginning(self, stem: str, limit: int) -> list[tuple[str, str, str]]:
        """(id, name, whole name) of people who are here still, in the order of names."""
        rows = await self._connection.execute(_USERS_LIKE, {"w": self._workspace, "stem": _pattern(stem), "n": limit})
        return [(row.user_id, row.name, row.real_name) for row in rows]

    async def channels_beginning(self, stem: str, seen: Collection[str], limit: int) -> list[tuple[str, str]]:
        rows = await self._connection.execute(_CHANNELS_LIKE, {"w": self._workspace, "stem": _pattern(stem), "n": limit, "c": list(seen)})
        return [(row.channel_id, row.name) for row in rows]


def _pattern(stem: str) -> str:
    return stem.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


_VIEW = Prepared(
    text(
        "SELECT (SELECT tz FROM users WHERE workspace_id = :w AND user_id = :u), ARRAY(SELECT c.channel_id FROM channels c"
        " LEFT JOIN members m ON m.workspace_id = :w AND m.channel_id = c.channel_id AND m.user_id = :u"
        " WHERE c.workspace_id = :w AND (m.user_id IS NOT NULL OR (:p AND c.kind = 'public_channel')))"
    )
)
_CALLED = Prepared(
    text(
        "SELECT user_id FROM users WHERE workspace_id = :w"
        " AND (user_id = :n OR bot_id = :n OR lower(name) = lower(:n) OR lower(real_name) = lower(:n))"
    )
)
_CHANNEL = Prepared(
    text("SELECT channel_id FROM channels WHERE workspace_id = :w AND (channel_id = :n OR (name = lower(:n) AND people = ''))")
)
_DIRECTS = text(
    "SELECT c.channel_id FROM members mine"
    " JOIN channels c ON c.workspace_id = :w AND c.channel_id = mine.channel_id AND c.kind = ANY(CAST(:kinds AS text[]))"
    " WHERE mine.workspace_id = :w AND mine.user_id = :u AND EXISTS (SELECT 1 FROM members theirs WHERE theirs.workspace_id = :w"
    " AND theirs.channel_id = c.channel_id AND theirs.user_id = ANY(CAST(:o AS text[])) AND (theirs.user_id <> :u OR c.people = :u))"
)
_PLACES = Prepared(
    text("SELECT channel_id, kind, name, people FROM channels WHERE workspace_id = :w AND channel_id = ANY(CAST(:ids AS text[]))")
)
_NAMES = Prepared(text("SELECT user_id, name FROM users WHERE workspace_id = :w AND user_id = ANY(CAST(:ids AS text[]))"))
_USERS_LIKE = text(
    "SELECT user_id, name, real_name FROM users WHERE workspace_id = :w AND NOT deleted"
    " AND (lower(name) LIKE :stem OR lower(real_name) LIKE :stem) ORDER BY name LIMIT :n"
)
_CHANNELS_LIKE = text(
    "SELECT channel_id, name FROM channels WHERE workspace_id = :w AND people = '' AND NOT archived AND name LIKE :stem"
    " AND channel_id = ANY(CAST(:c AS text[])) ORDER BY name LIMIT :n"
)
