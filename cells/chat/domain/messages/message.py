from dataclasses import dataclass, field

from chassis.identity import AppId, BotId, ChannelId, UserId


@dataclass(frozen=True, slots=True)
class Message:
    channel_id: ChannelId
    ts_us: int
    user_id: UserId
    text: str
    bot_id: BotId | None = None
    app_id: AppId | None = None
    thread_us: int | None = None
    """The thread's first message, for replies alone."""
    parent_user_id: UserId | None = None
    broadcast: bool = False
    client_msg_id: str | None = None
    extras: str | None = None
    """JSON object of what is carried as given (blocks, attachments, metadata) or shown as given (subtype, username, icons)."""
    edited_us: int | None = None
    edited_by: UserId | None = None
    deleted_us: int | None = None


@dataclass(frozen=True, slots=True)
class Thread:
    """What hangs under a message. Counted when asked, so it is right after every deletion."""

    replies: int
    latest_us: int
    user_ids: tuple[str, ...] = field(default=())
    users: int = 0
