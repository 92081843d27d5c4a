"""A user as Slack shows it (https://api.slack.com/types/user), and what is announced about users."""

import hashlib
from collections.abc import Sequence
from typing import Any

from cells.chat.domain.payloads import payload_of
from cells.chat.domain.roles.audience import FULL_MEMBERS
from cells.chat.domain.roles.role import Role
from cells.chat.domain.timestamps import show_ts
from cells.chat.domain.users.profile import profile_at
from cells.chat.domain.users.user import User
from cells.chat.domain.users.zones import zone_face
from cells.runtime.log import Event


def user_face(user: User, team_id: str, now_us: int | None = None) -> dict[str, Any]:
    """At `now_us` a status may have expired; None: as it was stored."""
    face: dict[str, Any] = {
        "id": user.user_id,
        "team_id": team_id,
        "name": user.name,
        "deleted": user.deleted,
        "color": _color_of(user.user_id),
        "real_name": user.real_name,
        **zone_face(user.tz, now_us or user.updated_us),
        "profile": profile_face(user, team_id, now_us),
        **role_face(user.role),
        "is_bot": user.bot_id is not None,
        "is_app_user": False,
        "updated": user.updated_us // 1_000_000,
        "has_2fa": user.has_2fa,
    }
    return face


def role_face(role: Role) -> dict[str, bool]:
    """As Slack shows it: an owner is an administrator too, and a guest of one channel is restricted twice over."""
    return {
        "is_admin": role.is_admin,
        "is_owner": role.is_owner,
        "is_primary_owner": role is Role.PRIMARY_OWNER,
        "is_restricted": role.is_guest,
        "is_ultra_restricted": role is Role.SINGLE_GUEST,
    }


def user_joined_team(user: User, team_id: str) -> Event:
    fields = {"type": "team_join", "user": user_face(user, team_id), "event_ts": show_ts(user.created_us)}
    return Event("team_join", (FULL_MEMBERS,), payload_of(fields))


def user_changed(user: User, team_id: str, guests: Sequence[str]) -> Event:
    """Told to everyone but guests, to the user, and to those guests who may know of the user."""
    at_s = user.updated_us // 1_000_000
    fields = {"type": "user_change", "user": user_face(user, team_id), "cache_ts": at_s, "event_ts": show_ts(user.updated_us)}
    return Event("user_change", (FULL_MEMBERS, user.user_id, *guests), payload_of(fields))


def profile_face(user: User, team_id: str, now_us: int | None) -> dict[str, Any]:
    profile: dict[str, Any] = {
        "title": "",
        "phone": "",
        "skype": "",
        "real_name": user.real_name,
        "real_name_normalized": user.real_name,
        "display_name": user.name,
        "fields": {},
        "status_text": "",
        "status_emoji": "",
        "status_emoji_display_info": [],
        "status_expiration": 0,
        "avatar_hash": hashlib.blake2s(user.user_id.encode(), digest_size=6).hexdigest(),
        "team": team_id,
        **profile_at(user.profile, now_us),
    }
    profile["display_name_normalized"] = profile["display_name"]
    if user.email is not None:
        profile["email"] = user.email
    if user.bot_id is not None:
        profile |= {"bot_id": user.bot_id, "api_app_id": user.app_id, "always_active": True}
    return profile


def _color_of(user_id: str) -> str:
    """Six hex digits, the same each time."""
    return hashlib.blake2s(user_id.encode(), digest_size=3).hexdigest()
