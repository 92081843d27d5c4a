"""Rows of what was said and done elsewhere, long ago: many at once, and what is there already stays as it is."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.messages.message import Message
from cells.runtime.tenancy import TenantScope

Key = tuple[str, int]
"""Channel and microseconds: one message."""
GONE = "USLACKBOT"
"""Whose name stands on a thread's first message that is gone."""


@dataclass(frozen=True, slots=True)
class PastReaction:
    channel_id: str
    ts_us: int
    name: str
    user_id: str
    created_us: int
    """Slack does not say when; it keeps them in the order in which they were."""


@dataclass(frozen=True, slots=True)
class Pin:
    channel_id: str
    ts_us: int
    user_id: str
    created_us: int


class Past:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def make_room(self, oldest_us: int) -> None:
        """Partitions for messages from then on; those that are there stay."""
        await self._connection.execute(_ROOM, {"oldest": oldest_us})

    async def roots(self, keys: Collection[Key]) -> dict[Key, str]:
        """Who wrote them, of those that are there, deleted or not."""
        values = {"w": self._workspace, "c": [key[0] for key in keys], "ts": [key[1] for key in keys]}
        rows = await self._connection.execute(_ROOTS, values)
        return {(channel_id, ts_us): user_id for channel_id, ts_us, user_id in rows}

    async def insert_messages(self, messages: Sequence[Message]) -> set[Key]:
        """Those that were not there. One takes the place of a root that an import had to make up."""
        rows = await self._connection.execute(
            _MESSAGES,
            {
                "w": self._workspace,
                "gone": GONE,
                "c": [m.channel_id for m in messages],
                "ts": [m.ts_us for m in messages],
                "u": [m.user_id for m in messages],
                "text": [m.text for m in messages],
                "bot": [m.bot_id for m in messages],
                "app": [m.app_id for m in messages],
                "thread": [m.thread_us for m in messages],
                "parent": [m.parent_user_id for m in messages],
                "broadcast": [m.broadcast for m in messages],
                "client": [m.client_msg_id for m in messages],
                "extras": [m.extras for m in messages],
                "edited": [m.edited_us for m in messages],
                "by": [m.edited_by for m in messages],
                "deleted": [m.deleted_us for m in messages],
            },
        )
        return {(channel_id, ts_us) for channel_id, ts_us in rows}

    async def move_heads(self, heads: Collection[Key]) -> None:
        """A channel's last message is the latest of the one it has and the one given."""
        await self._connection.execute(_HEADS, {"w": self._workspace, "c": [h[0] for h in heads], "ts": [h[1] for h in heads]})

    async def insert_reactions(self, reactions: Sequence[PastReaction]) -> int:
        """How many were not there."""
        values = {
            "w": self._workspace,
            "c": [r.channel_id for r in reactions],
            "ts": [r.ts_us for r in reactions],
            "name": [r.name for r in reactions],
            "u": [r.user_id for r in reactions],
            "at": [r.created_us for r in reactions],
        }
        return (await self._connection.execute(_REACTIONS, values)).rowcount

    async def insert_pins(self, pins: Sequence[Pin]) -> int:
        """How many were not there."""
        values = {
            "w": self._workspace,
            "c": [pin.channel_id for pin in pins],
            "ts": [pin.ts_us for pin in pins],
            "u": [pin.user_id for pin in pins],
            "at": [pin.created_us for pin in pins],
        }
        return (await self._connection.execute(_PINS, values)).rowcount

    async def remove_loose_pins(self) -> list[Key]:
        """Pins of messages that are not there."""
        return [(channel_id, ts_us) for channel_id, ts_us in await self._connection.execute(_LOOSE_PINS, {"w": self._workspace})]

    async def insert_members(self, channel_id: str, user_ids: Sequence[str], now_us: int) -> list[str]:
        """Those who were not in it. What was said before they came in here they have read."""
        values = {"w": self._workspace, "c": channel_id, "u": list(user_ids), "at": now_us}
        return [row.user_id for row in await self._connection.execute(_MEMBERS, values)]

    async def by_email(self, emails: Sequence[str]) -> dict[str, str]:
        """Lower case address to user."""
        rows = await self._connection.execute(_EMAILS, {"w": self._workspace, "e": [email.lower() for email in emails]})
        return {row.email: row.user_id for row in rows}

    async def names_among(self, names: Sequence[str]) -> set[str]:
        """Those that users of this workspace have."""
        return {row.name for row in await self._connection.execute(_NAMES, {"w": self._workspace, "n": list(names)})}

    async def user_ids(self) -> set[str]:
        return {row.user_id for row in await self._connection.execute(_USERS, {"w": self._workspace})}

    async def who_may_listen(self, user_ids: Sequence[str]) -> set[str]:
        """Those with a token: nobody else has a socket."""
        return {row.user_id for row in await self._connection.execute(_LISTENERS, {"w": self._workspace, "u": list(user_ids)})}


_ROOM = text("SELECT make_past_message_partitions(:oldest)")
_ROOTS = text(
    "SELECT m.channel_id, m.ts_us, m.user_id FROM unnest(CAST(:c AS text[]), CAST(:ts AS bigint[])) AS r(c, ts)"
    " JOIN messages m ON m.workspace_id = :w AND m.channel_id = r.c AND m.ts_us = r.ts"
)
_MESSAGES = text(
    "INSERT INTO messages AS m (workspace_id, channel_id, ts_us, user_id, text, bot_id, app_id, thread_us, parent_user_id, broadcast,"
    " client_msg_id, extras, edited_us, edited_by, deleted_us) SELECT :w, r.* FROM unnest(CAST(:c AS text[]), CAST(:ts AS bigint[]),"
    " CAST(:u AS text[]), CAST(:text AS text[]), CAST(:bot AS text[]), CAST(:app AS text[]), CAST(:thread AS bigint[]),"
    " CAST(:parent AS text[]), CAST(:broadcast AS boolean[]), CAST(:client AS text[]), CAST(:extras AS text[]),"
    " CAST(:edited AS bigint[]), CAST(:by AS text[]), CAST(:deleted AS bigint[])) AS r"
    " ON CONFLICT (workspace_id, channel_id, ts_us) DO UPDATE SET user_id = excluded.user_id, text = excluded.text,"
    " bot_id = excluded.bot_id, app_id = excluded.app_id, client_msg_id = excluded.client_msg_id, extras = excluded.extras,"
    " edited_us = excluded.edited_us, edited_by = excluded.edited_by, deleted_us = NULL"
    " WHERE m.user_id = :gone AND m.deleted_us = m.ts_us AND excluded.deleted_us IS NULL AND excluded.thread_us IS NULL"
    " RETURNING channel_id, ts_us"
)
_HEADS = text(
    "UPDATE channels c SET latest_us = greatest(c.latest_us, r.ts) FROM unnest(CAST(:c AS text[]), CAST(:ts AS bigint[])) AS r(c, ts)"
    " WHERE c.workspace_id = :w AND c.channel_id = r.c AND c.latest_us < r.ts"
)
_REACTIONS = text(
    "INSERT INTO reactions (workspace_id, channel_id, ts_us, name, user_id, created_us) SELECT :w, r.* FROM unnest(CAST(:c AS text[]),"
    " CAST(:ts AS bigint[]), CAST(:name AS text[]), CAST(:u AS text[]), CAST(:at AS bigint[])) AS r ON CONFLICT DO NOTHING"
)
_PINS = text(
    "INSERT INTO pins (workspace_id, channel_id, ts_us, user_id, created_us) SELECT :w, r.* FROM unnest(CAST(:c AS text[]),"
    " CAST(:ts AS bigint[]), CAST(:u AS text[]), CAST(:at AS bigint[])) AS r ON CONFLICT DO NOTHING"
)
_LOOSE_PINS = text(
    "DELETE FROM pins p WHERE p.workspace_id = :w AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.workspace_id = :w"
    " AND m.channel_id = p.channel_id AND m.ts_us = p.ts_us) RETURNING p.channel_id, p.ts_us"
)
_MEMBERS = text(
    "WITH joined AS (INSERT INTO members (workspace_id, channel_id, user_id, joined_us, last_read_us)"
    " SELECT :w, :c, u, :at, :at FROM unnest(CAST(:u AS text[])) AS u ON CONFLICT DO NOTHING RETURNING user_id),"
    " counted AS (UPDATE channels SET num_members = num_members + (SELECT count(*) FROM joined)"
    " WHERE workspace_id = :w AND channel_id = :c) SELECT user_id FROM joined"
)
_EMAILS = text("SELECT lower(email) AS email, user_id FROM users WHERE workspace_id = :w AND lower(email) = ANY(CAST(:e AS text[]))")
_NAMES = text("SELECT name FROM users WHERE workspace_id = :w AND name = ANY(CAST(:n AS text[]))")
_USERS = text("SELECT user_id FROM users WHERE workspace_id = :w")
_LISTENERS = text("SELECT DISTINCT user_id FROM tokens WHERE workspace_id = :w AND user_id = ANY(CAST(:u AS text[]))")
