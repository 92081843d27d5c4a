from collections.abc import Sequence

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.channels.channel import Channel, ChannelKind, Standing
from cells.runtime.tenancy import TenantScope


class Channels:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def get(self, channel_id: str, user_id: str) -> Standing | None:
        """The channel and how the user stands to it, seen or not."""
        row = (await self._connection.execute(_GET, {"w": self._workspace, "id": channel_id, "u": user_id})).one_or_none()
        return _standing_of(row) if row else None

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
            },
        )


def _standing_of(row: Row[tuple[object, ...]]) -> Standing:
    channel = Channel(
        row.channel_id,
        ChannelKind(row.kind),
        row.name,
        row.creator_id,
        row.created_us,
        row.updated_us,
        row.archived,
        row.is_general,
        row.topic,
        row.purpose,
        row.people,
    )
    return Standing(channel, row.last_read_us is not None, row.last_read_us or 0)


_COLUMNS = "c.channel_id, c.kind, c.name, c.creator_id, c.created_us, c.updated_us, c.archived, c.is_general, c.topic, c.purpose, c.people"
_SEEN_BY = (
    f"SELECT {_COLUMNS}, m.last_read_us%s FROM channels c"  # noqa: S608 - columns of ours
    " LEFT JOIN members m ON m.workspace_id = c.workspace_id AND m.channel_id = c.channel_id AND m.user_id = :u"
    " WHERE c.workspace_id = :w"
)
_GET = text(f"{_SEEN_BY % ''} AND c.channel_id = :id")
_LIST = text(
    f"{_SEEN_BY % ', c.num_members'} AND c.channel_id > :after AND c.kind = ANY(CAST(:kinds AS text[]))"
    " AND (c.kind = 'public_channel' OR m.user_id IS NOT NULL)"
    " AND (:old OR NOT c.archived) ORDER BY c.channel_id LIMIT :n"
)
_BY_NAME = text("SELECT channel_id FROM channels WHERE workspace_id = :w AND name = :name AND people = ''")
_BY_PEOPLE = text("SELECT channel_id FROM channels WHERE workspace_id = :w AND people = :people AND people <> ''")
_INSERT = text(
    "INSERT INTO channels (workspace_id, channel_id, kind, name, creator_id, created_us, updated_us, archived, is_general, topic,"
    " purpose, people) VALUES (:w, :id, :kind, :name, :creator, :created, :updated, :archived, :general, :topic, :purpose, :people)"
)
