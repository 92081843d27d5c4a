from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.messages.message import Message
from cells.runtime.tenancy import TenantScope

VERSIONS_MAX = 1_000
"""In one answer, the latest."""


class Ending(StrEnum):
    EDITED = "edited"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Version:
    until_us: int
    """When it stopped being what the message says."""
    text: str
    extras: str | None
    edited_us: int | None
    edited_by: str | None
    """Who wrote this version; None: its author, when it was posted."""
    ended_by: str
    ended_how: Ending


class Versions:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def keep(self, before: Message, until_us: int, ended_by: str, how: Ending) -> None:
        values = {
            "w": self._workspace,
            "c": before.channel_id,
            "ts": before.ts_us,
            "until": until_us,
            "text": before.text,
            "extras": before.extras,
            "edited": before.edited_us,
            "by": before.edited_by,
            "ended_by": ended_by,
            "how": str(how),
        }
        await self._connection.execute(_KEEP, values)

    async def of(self, channel_id: str, ts_us: int) -> list[Version]:
        """The oldest first."""
        rows = await self._connection.execute(_OF, {"w": self._workspace, "c": channel_id, "ts": ts_us, "n": VERSIONS_MAX})
        return [Version(**{**row, "ended_how": Ending(row["ended_how"])}) for row in reversed(rows.mappings().all())]


_KEEP = text(
    "INSERT INTO message_versions (workspace_id, channel_id, ts_us, until_us, text, extras, edited_us, edited_by, ended_by, ended_how)"
    " VALUES (:w, :c, :ts, :until, :text, :extras, :edited, :by, :ended_by, :how)"
)
_OF = text(
    "SELECT until_us, text, extras, edited_us, edited_by, ended_by, ended_how FROM message_versions"
    " WHERE workspace_id = :w AND channel_id = :c AND ts_us = :ts ORDER BY until_us DESC LIMIT :n"
)
