from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.searching.saying import Filed, Said
from cells.runtime.tenancy import TenantScope

Key = tuple[str, int]


class Reading:
    """Messages and files as engines are to know them; one that was deleted is not there."""

    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def messages(self, keys: Collection[Key]) -> list[Said]:
        values = {"w": self._workspace, "c": [key[0] for key in keys], "ts": [key[1] for key in keys]}
        return [_said_of(row) for row in await self._connection.execute(_MESSAGES, values)]

    async def messages_after(self, channel_id: str, ts_us: int, limit: int) -> list[Key]:
        """Of one channel, in the order of times; deleted ones too."""
        rows = await self._connection.execute(_AFTER, {"w": self._workspace, "c": channel_id, "ts": ts_us, "n": limit})
        return [(row.channel_id, row.ts_us) for row in rows]

    async def next_channel(self, channel_id: str) -> str | None:
        """In the order of ids."""
        return (await self._connection.execute(_NEXT_CHANNEL, {"w": self._workspace, "c": channel_id})).scalar_one_or_none()

    async def files(self, file_ids: Collection[str]) -> list[Filed]:
        rows = await self._connection.execute(_FILES, {"w": self._workspace, "ids": list(file_ids)})
        return [_filed_of(row) for row in rows]

    async def files_after(self, file_id: str, limit: int) -> list[str]:
        rows = await self._connection.execute(_FILES_AFTER, {"w": self._workspace, "f": file_id, "n": limit})
        return [row.file_id for row in rows]


def _said_of(row: Sequence[Any]) -> Said:
    channel_id, ts_us, user_id, said, bot_id, extras, thread_us, emoji, pinned, with_file, answered = row
    return Said(channel_id, ts_us, user_id, said, bot_id, extras, thread_us, tuple(emoji), pinned, with_file, answered)


def _filed_of(row: Sequence[Any]) -> Filed:
    file_id, user_id, created_us, title, name, filetype, alt_txt, read, channels = row
    return Filed(file_id, user_id, created_us, title, name, filetype, alt_txt, read, tuple(channels))


_MESSAGES = text(
    "SELECT m.channel_id, m.ts_us, m.user_id, m.text, m.bot_id, m.extras, m.thread_us,"
    " ARRAY(SELECT DISTINCT x.name FROM reactions x WHERE x.workspace_id = :w AND x.channel_id = m.channel_id AND x.ts_us = m.ts_us),"
    " EXISTS (SELECT 1 FROM pins p WHERE p.workspace_id = :w AND p.channel_id = m.channel_id AND p.ts_us = m.ts_us),"
    " EXISTS (SELECT 1 FROM file_shares s WHERE s.workspace_id = :w AND s.channel_id = m.channel_id AND s.ts_us = m.ts_us),"
    " m.thread_us IS NULL AND EXISTS (SELECT 1 FROM messages a WHERE a.workspace_id = :w AND a.channel_id = m.channel_id"
    " AND a.thread_us = m.ts_us AND a.ts_us > m.ts_us AND a.deleted_us IS NULL)"
    " FROM unnest(CAST(:c AS text[]), CAST(:ts AS bigint[])) AS r(c, ts)"
    " JOIN messages m ON m.workspace_id = :w AND m.channel_id = r.c AND m.ts_us = r.ts WHERE m.deleted_us IS NULL"
)
_AFTER = text("SELECT channel_id, ts_us FROM messages WHERE workspace_id = :w AND channel_id = :c AND ts_us > :ts ORDER BY ts_us LIMIT :n")
_NEXT_CHANNEL = text("SELECT channel_id FROM channels WHERE workspace_id = :w AND channel_id > :c ORDER BY channel_id LIMIT 1")
_FILES = text(
    "SELECT f.file_id, f.user_id, f.created_us, f.title, f.name, f.filetype, f.alt_txt, coalesce(t.text, ''),"
    " ARRAY(SELECT DISTINCT s.channel_id FROM file_shares s WHERE s.workspace_id = :w AND s.file_id = f.file_id)"
    " FROM files f LEFT JOIN file_texts t ON t.workspace_id = :w AND t.file_id = f.file_id"
    " WHERE f.workspace_id = :w AND f.file_id = ANY(CAST(:ids AS text[])) AND f.state = 'ready'"
)
_FILES_AFTER = text("SELECT file_id FROM files WHERE workspace_id = :w AND file_id > :f ORDER BY file_id LIMIT :n")
