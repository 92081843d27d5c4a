"""A workspace as a whole, for its administrator: every conversation and everything said, page by page."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.channels.channel import Channel, ChannelKind
from cells.chat.domain.imports.past import Pin
from cells.runtime.tenancy import TenantScope

ROOMS_PAGE = 200
MESSAGES_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Room:
    channel: Channel
    members: tuple[str, ...]
    pins: tuple[Pin, ...]


class Whole:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def cut_us(self) -> int:
        """The time of the last thing that was said or done here."""
        return int((await self._connection.execute(_CUT, {"w": self._workspace})).scalar_one_or_none() or 0)

    async def rooms(self, kind: ChannelKind, after_id: str) -> list[Room]:
        """In the order of ids, at most 200."""
        values = {"w": self._workspace, "kind": str(kind), "after": after_id, "n": ROOMS_PAGE}
        rows = (await self._connection.execute(_ROOMS, values)).all()
        pins = await self._pins([row.channel_id for row in rows])
        return [Room(_channel_of(row), tuple(row.members), tuple(pins.get(row.channel_id, ()))) for row in rows]

    async def _pins(self, channel_ids: list[str]) -> dict[str, list[Pin]]:
        found: dict[str, list[Pin]] = {}
        for row in await self._connection.execute(_PINS, {"w": self._workspace, "c": channel_ids}):
            found.setdefault(row.channel_id, []).append(Pin(row.channel_id, row.ts_us, row.user_id, row.created_us))
        return found

    async def said(self, channel_id: str, after_us: int, until_us: int) -> list[int]:
        """When something was said in a channel, replies too, oldest first, at most 1,000. Of what was deleted, what a thread hangs on."""
        values = {"w": self._workspace, "c": channel_id, "after": after_us, "until": until_us, "n": MESSAGES_PAGE}
        return [row.ts_us for row in await self._connection.execute(_SAID, values)]


def _channel_of(row: object) -> Channel:
    get = row._mapping  # type: ignore[attr-defined]  # a row of _ROOMS
    return Channel(
        channel_id=get["channel_id"],
        kind=ChannelKind(get["kind"]),
        name=get["name"],
        creator_id=get["creator_id"],
        created_us=get["created_us"],
        updated_us=get["updated_us"],
        archived=get["archived"],
        is_general=get["is_general"],
        topic=get["topic"],
        purpose=get["purpose"],
        people=get["people"],
        topic_by=get["topic_by"],
        topic_us=get["topic_us"],
        purpose_by=get["purpose_by"],
        purpose_us=get["purpose_us"],
    )


_CUT = text("SELECT last_ts_us FROM tenancy WHERE workspace_id = :w")
_ROOMS = text(
    "SELECT c.*, ARRAY(SELECT m.user_id FROM members m WHERE m.workspace_id = :w AND m.channel_id = c.channel_id ORDER BY m.user_id)"
    " AS members FROM channels c WHERE c.workspace_id = :w AND c.kind = :kind AND c.channel_id > :after ORDER BY c.channel_id LIMIT :n"
)
_PINS = text(
    "SELECT channel_id, ts_us, user_id, created_us FROM pins WHERE workspace_id = :w AND channel_id = ANY(CAST(:c AS text[]))"
    " ORDER BY channel_id, ts_us"
)
_SAID = text(
    "SELECT m.ts_us FROM messages m WHERE m.workspace_id = :w AND m.channel_id = :c AND m.ts_us > :after AND m.ts_us <= :until"
    " AND (m.deleted_us IS NULL OR EXISTS (SELECT 1 FROM messages r WHERE r.workspace_id = :w AND r.channel_id = :c"
    " AND r.thread_us = m.ts_us AND r.deleted_us IS NULL)) ORDER BY m.ts_us LIMIT :n"
)
