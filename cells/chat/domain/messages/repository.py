from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.channels.channel import ChannelKind
from cells.chat.domain.messages.message import Message, Thread
from cells.chat.domain.roles.guests import IS_GUEST
from cells.runtime.tenancy import Prepared, TenantScope

PAGE_MAX = 1_001
RETRY_WINDOW_DAYS = 7
"""How long a `client_msg_id` is remembered: no longer, so that the look-up touches two partitions at most."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one wants to post, and whether one may."""

    kind: ChannelKind
    archived: bool
    is_member: bool


@dataclass(frozen=True, slots=True)
class Window:
    """Which messages of a channel; both ends belong to it."""

    oldest_us: int
    latest_us: int
    limit: int
    forward: bool = False
    """The ones closest to `oldest_us`, instead of those closest to `latest_us`."""


class Messages:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def places(self, pairs: Collection[tuple[str, str]]) -> dict[tuple[str, str], Place]:
        """For each (channel, user): the channel as the user finds it; absent where there is no such channel."""
        values = {"w": self._workspace, "c": [pair[0] for pair in pairs], "u": [pair[1] for pair in pairs]}
        rows = (await self._connection.execute(_PLACES, values)).all()
        return {(channel, user): Place(ChannelKind(kind), archived, member) for channel, user, kind, archived, member in rows}

    async def by_client_ids(self, keys: Collection[tuple[str, str, str]]) -> dict[tuple[str, str, str], Message]:
        """For each (channel, user, client_msg_id) of the last week: what was posted under it."""
        values = {
            "w": self._workspace,
            "c": [key[0] for key in keys],
            "u": [key[1] for key in keys],
            "id": [key[2] for key in keys],
        }
        found = [Message(*row) for row in await self._connection.execute(_BY_CLIENT_IDS, values)]
        return {(m.channel_id, m.user_id, m.client_msg_id or ""): m for m in found}

    async def get_many(self, keys: Collection[tuple[str, int]]) -> dict[tuple[str, int], Message]:
        values = {"w": self._workspace, "c": [key[0] for key in keys], "ts": [key[1] for key in keys]}
        found = [Message(*row) for row in await _BY_KEYS.fetch(self._connection, values)]
        return {(m.channel_id, m.ts_us): m for m in found}

    async def get(self, channel_id: str, ts_us: int) -> Message | None:
        """None too where it was deleted."""
        row = (await self._connection.execute(_GET, {"w": self._workspace, "c": channel_id, "ts": ts_us})).one_or_none()
        return Message(*row) if row else None

    async def insert(self, messages: Sequence[Message]) -> None:
        """With each, its channel's head moves on and its author has read the channel up to it; no other member is touched."""
        await self._connection.execute(
            _INSERT,
            {
                "w": self._workspace,
                "channel_id": [m.channel_id for m in messages],
                "ts_us": [m.ts_us for m in messages],
                "user_id": [m.user_id for m in messages],
                "text": [m.text for m in messages],
                "bot_id": [m.bot_id for m in messages],
                "app_id": [m.app_id for m in messages],
                "thread_us": [m.thread_us for m in messages],
                "parent_user_id": [m.parent_user_id for m in messages],
                "broadcast": [m.broadcast for m in messages],
                "client_msg_id": [m.client_msg_id for m in messages],
                "extras": [m.extras for m in messages],
            },
        )

    async def change(self, message: Message) -> None:
        values = {
            "w": self._workspace,
            "c": message.channel_id,
            "ts": message.ts_us,
            "text": message.text,
            "extras": message.extras,
            "edited": message.edited_us,
            "by": message.edited_by,
        }
        await self._connection.execute(_CHANGE, values)

    async def change_broadcast(self, channel_id: str, ts_us: int) -> None:
        """A reply is shown in its channel from now on."""
        await self._connection.execute(_BROADCAST, {"w": self._workspace, "c": channel_id, "ts": ts_us})

    async def remove(self, channel_id: str, ts_us: int, now_us: int) -> None:
        """Forget what it said; the row stays, so that a retry of the same post is still known and a thread keeps its root.

        A channel whose last message it was gets the one before it as its head.
        """
        await self._connection.execute(_REMOVE, {"w": self._workspace, "c": channel_id, "ts": ts_us, "at": now_us})

    async def history(self, channel_id: str, window: Window) -> list[Message]:
        """In the order they are looked for, from one end of the window to the other.

        Replies only where they were broadcast; deleted ones only where a thread hangs on them.
        """
        shown: list[Message] = []
        rest: Window | None = window
        while rest is not None:
            found = await self._page(_HISTORIES[window.forward], channel_id, rest, {})
            shown += await self._without_gone(channel_id, found)
            full = len(found) == rest.limit and len(shown) < window.limit
            rest = _beyond(rest, found[-1].ts_us) if full else None
        return shown[: window.limit]

    async def _without_gone(self, channel_id: str, found: list[Message]) -> list[Message]:
        gone = [message.ts_us for message in found if message.deleted_us is not None]
        if not gone:
            return found
        values = {"w": self._workspace, "c": channel_id, "ts": gone, "first": min(gone)}
        hanging = {row["thread_us"] for row in await _HANGING_OF.fetch(self._connection, values)}
        return [message for message in found if message.deleted_us is None or message.ts_us in hanging]

    async def replies(self, channel_id: str, thread_us: int, window: Window) -> list[Message]:
        """A thread's replies without its first message, oldest first."""
        return await self._page(_REPLIES_OF, channel_id, window, {"thread": thread_us})

    async def threads(self, channel_id: str, ts_us: Sequence[int]) -> dict[int, Thread]:
        """For those of the messages that have replies: what hangs under them."""
        if not ts_us:
            return {}
        values = {"w": self._workspace, "c": channel_id, "ts": list(ts_us), "first": min(ts_us)}
        rows = await _THREADS_OF.fetch(self._connection, values)
        return {row["thread_us"]: Thread(row["replies"], row["latest"], tuple(row["people"][:5]), len(row["people"])) for row in rows}

    async def _page(self, statement: Prepared, channel_id: str, window: Window, more: dict[str, int]) -> list[Message]:
        values = {"w": self._workspace, "c": channel_id, "oldest": window.oldest_us, "latest": window.latest_us, "n": window.limit}
        return [Message(*row) for row in await statement.fetch(self._connection, {**values, **more})]


def _beyond(window: Window, ts_us: int) -> Window:
    """What comes after `ts_us` on the way, in larger steps: where much was deleted, more is."""
    limit = min(2 * window.limit, PAGE_MAX)
    return replace(window, oldest_us=ts_us + 1, limit=limit) if window.forward else replace(window, latest_us=ts_us - 1, limit=limit)


_COLUMNS = (
    "m.channel_id, m.ts_us, m.user_id, m.text, m.bot_id, m.app_id, m.thread_us, m.parent_user_id, m.broadcast, m.client_msg_id,"
    " m.extras, m.edited_us, m.edited_by, m.deleted_us"
)
_FROM = f"SELECT {_COLUMNS} FROM messages m WHERE m.workspace_id = :w"  # noqa: S608 - columns of ours
_PLACES = text(
    "SELECT c.channel_id, r.u, c.kind, c.archived, m.user_id IS NOT NULL"  # noqa: S608 - columns of ours
    " FROM unnest(CAST(:c AS text[]), CAST(:u AS text[])) AS r(c, u)"
    " JOIN channels c ON c.workspace_id = :w AND c.channel_id = r.c"
    " LEFT JOIN members m ON m.workspace_id = :w AND m.channel_id = r.c AND m.user_id = r.u"
    f" WHERE m.user_id IS NOT NULL OR NOT {IS_GUEST.format(user='r.u')}"
)
_BY_CLIENT_IDS = text(
    f"SELECT {_COLUMNS} FROM unnest(CAST(:c AS text[]), CAST(:u AS text[]), CAST(:id AS text[])) AS r(c, u, id)"  # noqa: S608 - columns of ours
    " JOIN messages m ON m.workspace_id = :w AND m.client_msg_id = r.id AND m.channel_id = r.c AND m.user_id = r.u"
    f" AND m.ts_us > CAST(extract(epoch FROM now() - interval '{RETRY_WINDOW_DAYS} days') * 1000000 AS bigint)"
)
_BY_KEYS = Prepared(
    text(
        f"SELECT {_COLUMNS} FROM unnest(CAST(:c AS text[]), CAST(:ts AS bigint[])) AS r(c, ts)"  # noqa: S608 - columns of ours
        " JOIN messages m ON m.workspace_id = :w AND m.channel_id = r.c AND m.ts_us = r.ts"
    )
)
_GET = text(f"{_FROM} AND m.channel_id = :c AND m.ts_us = :ts AND m.deleted_us IS NULL")
_INSERT = text(
    "WITH said AS (INSERT INTO messages (workspace_id, channel_id, ts_us, user_id, text, bot_id, app_id, thread_us, parent_user_id,"
    " broadcast, client_msg_id, extras) SELECT :w, r.* FROM unnest(CAST(:channel_id AS text[]), CAST(:ts_us AS bigint[]),"
    " CAST(:user_id AS text[]), CAST(:text AS text[]), CAST(:bot_id AS text[]), CAST(:app_id AS text[]), CAST(:thread_us AS bigint[]),"
    " CAST(:parent_user_id AS text[]), CAST(:broadcast AS boolean[]), CAST(:client_msg_id AS text[]), CAST(:extras AS text[])) AS r"
    " RETURNING channel_id, user_id, ts_us, thread_us, broadcast),"
    " shown AS (SELECT channel_id, user_id, max(ts_us) AS ts_us FROM said WHERE thread_us IS NULL OR broadcast GROUP BY 1, 2),"
    " read AS (UPDATE members m SET last_read_us = s.ts_us FROM shown s"
    " WHERE m.workspace_id = :w AND m.channel_id = s.channel_id AND m.user_id = s.user_id)"
    " UPDATE channels c SET latest_us = s.ts_us FROM (SELECT channel_id, max(ts_us) AS ts_us FROM shown GROUP BY 1) s"
    " WHERE c.workspace_id = :w AND c.channel_id = s.channel_id"
)
_CHANGE = text(
    "UPDATE messages SET text = :text, extras = :extras, edited_us = :edited, edited_by = :by"
    " WHERE workspace_id = :w AND channel_id = :c AND ts_us = :ts"
)
_BROADCAST = text(
    "WITH told AS (UPDATE messages SET broadcast = true WHERE workspace_id = :w AND channel_id = :c AND ts_us = :ts)"
    " UPDATE channels SET latest_us = greatest(latest_us, :ts) WHERE workspace_id = :w AND channel_id = :c"
)
_REMOVE = text(
    "WITH gone AS (UPDATE messages SET text = '', extras = NULL, deleted_us = :at"
    " WHERE workspace_id = :w AND channel_id = :c AND ts_us = :ts),"
    " unpinned AS (DELETE FROM pins WHERE workspace_id = :w AND channel_id = :c AND ts_us = :ts)"
    " UPDATE channels SET latest_us = coalesce((SELECT x.ts_us FROM messages x WHERE x.workspace_id = :w AND x.channel_id = :c"
    " AND x.ts_us < :ts AND (x.thread_us IS NULL OR x.broadcast) AND x.deleted_us IS NULL ORDER BY x.ts_us DESC LIMIT 1), 0)"
    " WHERE workspace_id = :w AND channel_id = :c AND latest_us = :ts"
)
_IN_WINDOW = f"{_FROM} AND m.channel_id = :c AND m.ts_us >= :oldest AND m.ts_us <= :latest"
_SHOWN = " AND (m.thread_us IS NULL OR (m.broadcast AND m.deleted_us IS NULL))"
_ORDER = {forward: f" ORDER BY m.ts_us {'ASC' if forward else 'DESC'} LIMIT :n" for forward in (False, True)}
_HISTORY = {forward: text(_IN_WINDOW + _SHOWN + order) for forward, order in _ORDER.items()}
# Not asked within the page's own statement: of every partition for itself that takes longer than the page.
_HANGING = text(
    "SELECT DISTINCT thread_us FROM messages WHERE workspace_id = :w AND channel_id = :c AND thread_us = ANY(CAST(:ts AS bigint[]))"
    " AND ts_us > :first AND deleted_us IS NULL"
)
_REPLIES = text(f"{_IN_WINDOW} AND m.thread_us = :thread AND m.deleted_us IS NULL ORDER BY m.ts_us LIMIT :n")
_THREADS = text(
    "SELECT thread_us, count(*) AS replies, max(ts_us) AS latest, array_agg(DISTINCT user_id) AS people FROM messages"
    " WHERE workspace_id = :w AND channel_id = :c AND thread_us = ANY(CAST(:ts AS bigint[])) AND ts_us > :first AND deleted_us IS NULL"
    " GROUP BY thread_us"
)
_HISTORIES = {forward: Prepared(statement) for forward, statement in _HISTORY.items()}
_REPLIES_OF, _THREADS_OF, _HANGING_OF = Prepared(_REPLIES), Prepared(_THREADS), Prepared(_HANGING)
