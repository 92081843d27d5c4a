from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.channels.channel import Channel, ChannelKind, Standing
from cells.chat.domain.roles.guests import IS_GUEST
from cells.runtime.tenancy import Prepared, TenantScope


class Channels:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def get(self, channel_id: str, user_id: str) -> Standing | None:
        """The channel and how the user stands to it, seen or not."""
        rows = await _GET_ONE.fetch(self._connection, {"w": self._workspace, "id": channel_id, "u": user_id})
        return _standing_of(rows[0]) if rows else None

    async def id_of_name(self, name: str) -> str | None:
        found = await self._connection.execute(_BY_NAME, {"w": self._workspace, "name": name})
        row = found.one_or_none()
        return row.channel_id if row else None

    async def id_of_people(self, people: str) -> str | None:
        row = (await self._connection.execute(_BY_PEOPLE, {"w": self._workspace, "people": people})).one_or_none()
        return row.channel_id if row else None

    async def page(
        self, user_id: str, kinds: Sequence[ChannelKind], after_id: str, limit: int, *, with_archived: bool
    ) -> list[tuple[Standing, int]]:
        """What the user can see, in the order of ids after `after_id`, with the number of members; at most `limit`."""
        values = {"w": self._workspace, "u": user_id, "kinds": [str(k) for k in kinds], "after": after_id, "n": limit, "old": with_archived}
        rows = await self._connection.execute(_LIST, values)
        return [(_standing_of(row), row.num_members) for row in rows]

    async def insert(self, channel: Channel) -> None:
        await self._connection.execute(
            _INSERT,
            {
                "w": self._workspace,
                "id": channel.channel_id,
                "kind": str(channel.kind),
                "name": channel.name,
                "creator": channel.creator_id,
                "created": channel.created_us,
                "updated": channel.updated_us,
                "archived": channel.archived,
                "general": channel.is_general,
                "topic": channel.topic,
                "purpose": channel.purpose,
                "people": channel.people,
                "topic_by": channel.topic_by,
                "topic_us": channel.topic_us,
                "purpose_by": channel.purpose_by,
                "purpose_us": channel.purpose_us,
            },
        )

    async def change(self, channel: Channel) -> None:
        """Its name, topic and purpose, and whether it is archived."""
        values = {
            "w": self._workspace,
            "id": channel.channel_id,
            "name": channel.name,
            "previous": ",".join(channel.previous_names),
            "archived": channel.archived,
            "topic": channel.topic,
            "topic_by": channel.topic_by,
            "topic_us": channel.topic_us,
            "purpose": channel.purpose,
            "purpose_by": channel.purpose_by,
            "purpose_us": channel.purpose_us,
            "updated": channel.updated_us,
        }
        await self._connection.execute(_CHANGE, values)

    async def page_of(
        self, whose: str, viewer_id: str, kinds: Sequence[ChannelKind], after_id: str, limit: int, *, with_archived: bool
    ) -> list[Standing]:
        """What `whose` is in and the viewer may know of, as the viewer stands to it, in the order of ids; at most `limit`."""
        values = {
            "w": self._workspace,
            "whose": whose,
            "u": viewer_id,
            "kinds": [str(kind) for kind in kinds],
            "after": after_id,
            "n": limit,
            "old": with_archived,
        }
        return [_standing_of(row) for row in await self._connection.execute(_LIST_OF, values)]


def _standing_of(row: Any) -> Standing:
    """By place, not by name: a page has a thousand of them. The columns come as `_COLUMNS` and `_SEEN` name them."""
    channel_id, kind, *facts, previous_names, latest_us, _, last_read_us, closed_us, is_guest = row
    names = tuple(previous_names.split(",")) if previous_names else ()
    channel = Channel(channel_id, _KINDS[kind], *facts, previous_names=names)  # type: ignore[misc]  # as many as the columns
    is_open = not closed_us or latest_us > closed_us
    return Standing(channel, last_read_us is not None, last_read_us or 0, is_open, is_guest)


_KINDS = {str(kind): kind for kind in ChannelKind}
_COLUMNS = (
    "c.channel_id, c.kind, c.name, c.creator_id, c.created_us, c.updated_us, c.archived, c.is_general, c.topic, c.purpose, c.people,"
    " c.topic_by, c.topic_us, c.purpose_by, c.purpose_us, c.previous_names, c.latest_us"
)
_MINE = "LEFT JOIN members m ON m.workspace_id = c.workspace_id AND m.channel_id = c.channel_id AND m.user_id = :u"
_GUEST = IS_GUEST.format(user=":u")
_SEEN = f"SELECT {_COLUMNS}, c.num_members, m.last_read_us, m.closed_us, {_GUEST} AS is_guest"
_PAGE = (
    " AND c.kind = ANY(CAST(:kinds AS text[])) AND (m.user_id IS NOT NULL OR (c.kind = 'public_channel'"
    f" AND NOT {_GUEST})) AND (:old OR NOT c.archived)"
)
_GET = text(f"{_SEEN} FROM channels c {_MINE} WHERE c.workspace_id = :w AND c.channel_id = :id")
# Public channels by an index of theirs, the others by membership: direct conversations of other people, of which there are many
# more than channels, are never looked at.
_LIST = text(
    "SELECT * FROM ("  # noqa: S608 - columns of ours
    f"({_SEEN} FROM channels c {_MINE} WHERE c.workspace_id = :w AND c.kind = 'public_channel' AND c.channel_id > :after"
    f" AND 'public_channel' = ANY(CAST(:kinds AS text[])) AND NOT {_GUEST} AND (:old OR NOT c.archived) ORDER BY c.channel_id LIMIT :n)"
    f" UNION ALL ({_SEEN} FROM members m JOIN channels c ON c.workspace_id = :w AND c.channel_id = m.channel_id"
    " WHERE m.workspace_id = :w AND m.user_id = :u AND m.channel_id > :after AND c.kind = ANY(CAST(:kinds AS text[]))"
    f" AND (c.kind <> 'public_channel' OR {_GUEST}) AND (:old OR NOT c.archived) ORDER BY m.channel_id LIMIT :n)"
    ") page ORDER BY channel_id LIMIT :n"
)
# The order is that of the members' index, so a page ends where it is full however many channels there are.
_LIST_OF = text(
    f"{_SEEN} FROM members o JOIN channels c ON c.workspace_id = :w AND c.channel_id = o.channel_id {_MINE}"
    f" WHERE o.workspace_id = :w AND o.user_id = :whose AND o.channel_id > :after{_PAGE} ORDER BY o.channel_id LIMIT :n"
)
_BY_NAME = text("SELECT channel_id FROM channels WHERE workspace_id = :w AND name = :name AND people = ''")
_BY_PEOPLE = text("SELECT channel_id FROM channels WHERE workspace_id = :w AND people = :people AND people <> ''")
_INSERT = text(
    "INSERT INTO channels (workspace_id, channel_id, kind, name, creator_id, created_us, updated_us, archived, is_general, topic,"
    " purpose, people, topic_by, topic_us, purpose_by, purpose_us) VALUES (:w, :id, :kind, :name, :creator, :created, :updated,"
    " :archived, :general, :topic, :purpose, :people, :topic_by, :topic_us, :purpose_by, :purpose_us)"
)
_CHANGE = text(
    "UPDATE channels SET name = :name, previous_names = :previous, archived = :archived, topic = :topic, topic_by = :topic_by,"
    " topic_us = :topic_us, purpose = :purpose, purpose_by = :purpose_by, purpose_us = :purpose_us, updated_us = :updated"
    " WHERE workspace_id = :w AND channel_id = :id"
)
_GET_ONE = Prepared(_GET)
