from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.mentions.parsing import HERE, mentions_of
from cells.chat.domain.messages.message import Message
from cells.runtime.tenancy import TenantScope


@dataclass(frozen=True, slots=True)
class Mention:
    channel_id: str
    ts_us: int
    author_id: str
    target: str
    active: frozenset[str] | None = None
    """Of those whom the target names, these alone are called; None: all."""


def mentions_in(message: Message, active: frozenset[str] | None = None) -> list[Mention]:
    """`active`: who is, where that is known; it is asked about by `<!here>` alone."""
    return [
        Mention(message.channel_id, message.ts_us, message.user_id, target, active if target == HERE else None)
        for target in mentions_of(message.text, message.extras)
    ]


class Mentions:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def insert(self, mentions: Sequence[Mention]) -> None:
        """One row a target, however many people it stands for."""
        values = {
            "w": self._workspace,
            "c": [mention.channel_id for mention in mentions],
            "ts": [mention.ts_us for mention in mentions],
            "author": [mention.author_id for mention in mentions],
            "target": [mention.target for mention in mentions],
            "active": [None if mention.active is None else " ".join(sorted(mention.active)) for mention in mentions],
        }
        await self._connection.execute(_INSERT, values)

    async def remove(self, channel_id: str, ts_us: int) -> frozenset[str] | None:
        """Whom alone its `<!here>` called; None where there was none or it called all."""
        rows = await self._connection.execute(_REMOVE, {"w": self._workspace, "c": channel_id, "ts": ts_us})
        return next((frozenset(row.called) for row in rows if row.called is not None), None)


_INSERT = text(
    "INSERT INTO mentions (workspace_id, channel_id, ts_us, author_id, target, called) SELECT :w, r.c, r.ts, r.author, r.target,"
    " CASE WHEN r.active IS NOT NULL THEN ARRAY(SELECT m.user_id FROM members m WHERE m.workspace_id = :w AND m.channel_id = r.c"
    " AND m.user_id = ANY(string_to_array(r.active, ' '))) END FROM unnest(CAST(:c AS text[]), CAST(:ts AS bigint[]),"
    " CAST(:author AS text[]), CAST(:target AS text[]), CAST(:active AS text[])) AS r(c, ts, author, target, active)"
)
_REMOVE = text("DELETE FROM mentions WHERE workspace_id = :w AND channel_id = :c AND ts_us = :ts RETURNING called")
