from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.mentions.parsing import mentions_of
from cells.chat.domain.messages.message import Message
from cells.runtime.tenancy import TenantScope


@dataclass(frozen=True, slots=True)
class Mention:
    channel_id: str
    ts_us: int
    author_id: str
    target: str


def mentions_in(message: Message) -> list[Mention]:
    return [Mention(message.channel_id, message.ts_us, message.user_id, target) for target in mentions_of(message.text, message.extras)]


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
        }
        await self._connection.execute(_INSERT, values)

    async def remove(self, channel_id: str, ts_us: int) -> None:
        await self._connection.execute(_REMOVE, {"w": self._workspace, "c": channel_id, "ts": ts_us})


_INSERT = text(
    "INSERT INTO mentions (workspace_id, channel_id, ts_us, author_id, target) SELECT :w, r.* FROM"
    " unnest(CAST(:c AS text[]), CAST(:ts AS bigint[]), CAST(:author AS text[]), CAST(:target AS text[])) AS r"
)
_REMOVE = text("DELETE FROM mentions WHERE workspace_id = :w AND channel_id = :c AND ts_us = :ts")
