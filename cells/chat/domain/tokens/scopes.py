"""OAuth scopes that methods of chat ask for (https://api.slack.com/scopes); `account:write` is ours: a person's own
password, second factor and sessions."""

from cells.chat.domain.tokens.errors import InvalidScope

SCOPES = (
    "account:write",
    "admin.teams:write",
    "admin.users:read",
    "admin.users:write",
    "bookmarks:read",
    "bookmarks:write",
    "channels:history",
    "channels:join",
    "channels:manage",
    "channels:read",
    "channels:write",
    "channels:write.invites",
    "channels:write.topic",
    "chat:write",
    "chat:write.customize",
    "dnd:read",
    "dnd:write",
    "emoji:read",
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    "groups:write",
    "groups:write.invites",
    "groups:write.topic",
    "identity:read",
    "im:history",
    "im:read",
    "im:write",
    "im:write.topic",
    "links:write",
    "mpim:history",
    "mpim:read",
    "mpim:write",
    "mpim:write.topic",
    "pins:read",
    "pins:write",
    "reactions:read",
    "reactions:write",
    "search:read",
    "reminders:read",
    "reminders:write",
    "stars:read",
    "stars:write",
    "team:read",
    "usergroups:read",
    "usergroups:write",
    "users.profile:read",
    "users.profile:write",
    "users:read",
    "users:read.email",
    "users:write",
)


def checked_scopes(wanted: list[str] | None) -> tuple[str, ...]:
    """The scopes asked for, once each; all of them where none were named."""
    unknown = [scope for scope in wanted or () if scope not in SCOPES]
    if unknown:
        raise InvalidScope(f"no such scope: {unknown[0]}")
    return tuple(dict.fromkeys(wanted)) if wanted is not None else SCOPES
