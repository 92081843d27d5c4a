from collections.abc import Collection, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.channels.channel import ChannelKind
from cells.chat.domain.mentions.parsing import EVERYONE_TARGETS
from cells.chat.domain.roles.guests import IS_GUEST
from cells.chat.domain.unread.counts import COUNT_MAX, Counts, Line, Place, ReadState
from cells.runtime.tenancy import TenantScope

SIDEBAR_MAX = 5_000
"""Conversations in one answer, those with the latest news first."""

Pair = tuple[str, str]
"""Channel and user."""


class Unread:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def places(self, pairs: Collection[Pair]) -> dict[Pair, Place]:
        """Absent where there is no such channel."""
        values = {"w": self._workspace, "c": [pair[0] for pair in pairs], "u": [pair[1] for pair in pairs]}
        rows = await self._connection.execute(_PLACES, values)
        return {
            (channel, user): Place(ChannelKind(kind), latest, joined is not None, joined or 0, read or 0)
            for channel, user, kind, latest, joined, read in rows
        }

    async def state(self, channel_id: str, user_id: str) -> ReadState:
        """Of a conversation that is there."""
        pair = (channel_id, user_id)
        place = (await self.places([pair]))[pair]
        counts = (await self.count([(pair, place.floor_us)]))[0] if place.latest_us > place.floor_us else Counts()
        return ReadState(place, counts)

    async def count(self, floors: Sequence[tuple[Pair, int]]) -> list[Counts]:
        """For each (channel, user) what lies after the given time. One statement, whatever their number."""
        values = {
            "w": self._workspace,
            "c": [channel for (channel, _), _ in floors],
            "u": [user for (_, user), _ in floors],
            "floor": [floor_us for _, floor_us in floors],
            "most": COUNT_MAX,
            "all": list(EVERYONE_TARGETS),
        }
        return [Counts(unread, mentions) for unread, mentions in await self._connection.execute(_COUNT, values)]

    async def change(self, marks: Sequence[tuple[Pair, int]]) -> None:
        values = {
            "w": self._workspace,
            "c": [channel for (channel, _), _ in marks],
            "u": [user for (_, user), _ in marks],
            "ts": [ts_us for _, ts_us in marks],
        }
        await self._connection.execute(_MARK, values)

    async def sidebar(self, user_id: str, kinds: Collection[ChannelKind]) -> list[Line]:
        """Every conversation the user is in and that is not archived. One statement, whatever their number."""
        values = {
            "w": self._workspace,
            "u": user_id,
            "kinds": [str(kind) for kind in kinds],
            "most": COUNT_MAX,
            "all": list(EVERYONE_TARGETS),
            "n": SIDEBAR_MAX,
        }
        return [
            Line(channel, ChannelKind(kind), read, latest, Counts(unread, mentions))
            for channel, kind, read, latest, unread, mentions in await self._connection.execute(_SIDEBAR, values)
        ]


_PLACES = text(
    "SELECT c.channel_id, r.u, c.kind, c.latest_us, m.joined_us, m.last_read_us"  # noqa: S608 - columns of ours
    " FROM unnest(CAST(:c AS text[]), CAST(:u AS text[])) AS r(c, u)"
    " JOIN channels c ON c.workspace_id = :w AND c.channel_id = r.c"
    " LEFT JOIN members m ON m.workspace_id = :w AND m.channel_id = r.c AND m.user_id = r.u"
    f" WHERE m.user_id IS NOT NULL OR NOT {IS_GUEST.format(user='r.u')}"
)
# A lateral sub-select with a limit: PostgreSQL reads the index from the floor on and stops, and visits no older partition.
_UNREAD = (
    "(SELECT count(*) FROM (SELECT 1 FROM messages x WHERE x.workspace_id = :w AND x.channel_id = {c} AND x.ts_us > {floor}"
    " AND x.ts_us <= {latest} AND x.user_id <> {u} AND (x.thread_us IS NULL OR x.broadcast) AND x.deleted_us IS NULL LIMIT {most}) few)"
)
_CALLED = (
    "(SELECT count(*) FROM (SELECT DISTINCT t.ts_us FROM mentions t WHERE t.workspace_id = :w AND t.channel_id = {c}"
    " AND t.target = ANY(CAST(:all AS text[]) || CAST({u} AS text) || ARRAY(SELECT g.usergroup_id FROM usergroup_members g"
    " WHERE g.workspace_id = :w AND g.user_id = {u}))"
    " AND (t.called IS NULL OR {u} = ANY(t.called))"
    " AND t.ts_us > {floor} AND t.ts_us <= {latest} AND t.author_id <> {u} LIMIT CAST(:most AS bigint)) few)"
)
_ROW = {"c": "r.c", "u": "r.u", "floor": "r.floor", "latest": "c.latest_us", "most": "CAST(:most AS bigint)"}
_COUNT = text(
    f"SELECT {_UNREAD.format(**_ROW)}, {_CALLED.format(**_ROW)}"  # noqa: S608 - columns of ours
    " FROM unnest(CAST(:c AS text[]), CAST(:u AS text[]), CAST(:floor AS bigint[])) WITH ORDINALITY AS r(c, u, floor, n)"
    " JOIN channels c ON c.workspace_id = :w AND c.channel_id = r.c ORDER BY r.n"
)
_MARK = text(
    "UPDATE members m SET last_read_us = r.ts FROM unnest(CAST(:c AS text[]), CAST(:u AS text[]), CAST(:ts AS bigint[])) AS r(c, u, ts)"
    " WHERE m.workspace_id = :w AND m.channel_id = r.c AND m.user_id = r.u"
)
_MEMBER = {
    "c": "s.channel_id",
    "u": ":u",
    "floor": "s.floor_us",
    "latest": "s.latest_us",
    "most": "CASE WHEN s.kind IN ('im', 'mpim') THEN CAST(:most AS bigint) ELSE 1 END",
}
# The limit of 1 keeps it to a look at each of one's channels; else all channels of the cell may be read to join a few hundred.
_SIDEBAR = text(
    "SELECT s.channel_id, s.kind, s.last_read_us, s.latest_us,"  # noqa: S608 - columns of ours
    f" CASE WHEN s.latest_us > s.floor_us THEN {_UNREAD.format(**_MEMBER)} ELSE 0 END,"
    f" CASE WHEN s.latest_us > s.floor_us THEN {_CALLED.format(**_MEMBER)} ELSE 0 END"
    " FROM (SELECT c.channel_id, c.kind, m.last_read_us, c.latest_us,"
    " CASE WHEN m.last_read_us = 0 THEN m.joined_us ELSE m.last_read_us END AS floor_us"
    " FROM members m"
    " CROSS JOIN LATERAL (SELECT * FROM channels one WHERE one.workspace_id = :w AND one.channel_id = m.channel_id LIMIT 1) c"
    " WHERE m.workspace_id = :w AND m.user_id = :u AND NOT c.archived AND c.kind = ANY(CAST(:kinds AS text[]))"
    " AND (m.closed_us = 0 OR c.latest_us > m.closed_us)"
    " ORDER BY c.latest_us DESC, c.channel_id LIMIT :n) s ORDER BY s.latest_us DESC, s.channel_id"
)
