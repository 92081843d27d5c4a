from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.tenancy import TenantScope
from chassis.identity import AppId, BotId, ChannelId, UserId


@dataclass(frozen=True, slots=True)
class ScheduledMessage:
    scheduled_id: str
    channel_id: ChannelId
    user_id: UserId
    bot_id: BotId | None
    app_id: AppId | None
    text: str
    extras: str | None
    thread_us: int | None
    broadcast: bool
    post_us: int
    created_us: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of a user's: after a place in the order of time and id, between two times (both included)."""

    channel_id: str
    """Empty: of any channel."""
    oldest_us: int
    latest_us: int
    after: tuple[int, str]
    limit: int


class ScheduledMessages:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def insert(self, one: ScheduledMessage) -> None:
        values = {name: getattr(one, name) for name in ScheduledMessage.__slots__}
        await self._connection.execute(_INSERT, {"w": self._workspace, **values})

    async def count_near(self, channel_id: str, from_us: int, to_us: int) -> int:
        values = {"w": self._workspace, "c": channel_id, "from": from_us, "to": to_us}
        found: int = (await self._connection.execute(_COUNT_NEAR, values)).scalar_one()
        return found

    async def take(self, scheduled_id: str) -> ScheduledMessage | None:
        """Off the list; None where it was not on it."""
        row = (await self._connection.execute(_TAKE, {"w": self._workspace, "id": scheduled_id})).one_or_none()
        return ScheduledMessage(*row) if row else None

    async def remove(self, scheduled_id: str, user_id: str, channel_id: str) -> bool:
        values = {"w": self._workspace, "id": scheduled_id, "u": user_id, "c": channel_id}
        return (await self._connection.execute(_REMOVE, values)).rowcount > 0

    async def of_user(self, user_id: str, wanted: Wanted) -> list[ScheduledMessage]:
        """In the order of their time."""
        values = {
            "w": self._workspace,
            "u": user_id,
            "c": wanted.channel_id,
            "oldest": wanted.oldest_us,
            "latest": wanted.latest_us,
            "after_us": wanted.after[0],
            "after_id": wanted.after[1],
            "n": wanted.limit,
        }
        return [ScheduledMessage(*row) for row in await self._connection.execute(_OF_USER, values)]


_COLUMNS = "scheduled_id, channel_id, user_id, bot_id, app_id, text, extras, thread_us, broadcast, post_us, created_us"
_INSERT = text(
    f"INSERT INTO scheduled_messages (workspace_id, {_COLUMNS}) VALUES (:w, :scheduled_id, :channel_id, :user_id, :bot_id, :app_id,"  # noqa: S608
    " :text, :extras, :thread_us, :broadcast, :post_us, :created_us)"
)
_COUNT_NEAR = text(
    "SELECT count(*) FROM scheduled_messages WHERE workspace_id = :w AND channel_id = :c AND post_us > :from AND post_us < :to"
)
_TAKE = text(f"DELETE FROM scheduled_messages WHERE workspace_id = :w AND scheduled_id = :id RETURNING {_COLUMNS}")  # noqa: S608
_REMOVE = text("DELETE FROM scheduled_messages WHERE workspace_id = :w AND scheduled_id = :id AND user_id = :u AND channel_id = :c")
_OF_USER = text(
    f"SELECT {_COLUMNS} FROM scheduled_messages WHERE workspace_id = :w AND user_id = :u AND (:c = '' OR channel_id = :c)"  # noqa: S608
    " AND post_us BETWEEN :oldest AND :latest AND (post_us, scheduled_id) > (CAST(:after_us AS bigint), :after_id)"
    " ORDER BY post_us, scheduled_id LIMIT :n"
)
