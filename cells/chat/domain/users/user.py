from dataclasses import dataclass

from cells.chat.domain.roles.role import Role
from chassis.identity import AppId, BotId, UserId


@dataclass(frozen=True, slots=True)
class User:
    user_id: UserId
    name: str
    real_name: str
    email: str | None
    bot_id: BotId | None
    app_id: AppId | None
    role: Role
    deleted: bool
    created_us: int
    updated_us: int
    profile: str = "{}"
    """JSON object; see `profile`."""
    tz: str = "Etc/UTC"
    has_2fa: bool = False
