"""From rows of the database to rows of the schema."""

from typing import Any

import msgspec

from cells.chat.domain.channels.channel import ChannelKind
from cells.chat.domain.presence.presence import Standing
from cells.chat.domain.roles.role import Role
from cells.chat.domain.timestamps import show_ts
from cells.chat.domain.unread.counts import Line


class _Profile(msgspec.Struct):
    display_name: str = ""
    title: str = ""
    status_text: str = ""
    status_emoji: str = ""
    status_expiration: int = 0


_profile = msgspec.json.Decoder(_Profile).decode
NO_PROFILE = _Profile()
KINDS = {kind: kind.name for kind in ChannelKind}
ROLES = {role.value: role.name for role in Role}


def user_row(record: Any, *, now_s: int, with_email: bool) -> dict[str, Any]:
    """`presence` is set by who knows it. A status that has expired is none."""
    stored = record["profile"]
    profile = NO_PROFILE if stored == "{}" else _profile(stored)
    ended = 0 < profile.status_expiration <= now_s
    return {
        "id": record["user_id"],
        "name": record["name"],
        "realName": record["real_name"],
        "displayName": profile.display_name or record["name"],
        "title": profile.title,
        "email": record["email"] if with_email else None,
        "role": ROLES[record["role"]],
        "isBot": record["bot_id"] is not None,
        "deleted": record["deleted"],
        "statusText": "" if ended else profile.status_text,
        "statusEmoji": "" if ended else profile.status_emoji,
        "updated": record["updated_us"] // 1_000_000,
        "presence": "away",
    }


def standing_of(record: Any) -> Standing:
    return Standing(bool(record["manual_away"]), record["snooze_until_us"] or 0)


def channel_row(record: Any, line: Line, viewer_id: str, last: dict[str, Any] | None) -> dict[str, Any]:
    people = record["people"].split(",") if record["people"] else []
    others = [person for person in people if person != viewer_id]
    return {
        "id": record["channel_id"],
        "kind": KINDS[line.kind],
        "name": record["name"],
        "topic": record["topic"],
        "purpose": record["purpose"],
        "creatorId": record["creator_id"],
        "created": record["created_us"] // 1_000_000,
        "isGeneral": record["is_general"],
        "isArchived": record["archived"],
        "memberCount": record["num_members"],
        "userId": (others or [viewer_id])[0] if line.kind is ChannelKind.IM else None,
        "lastRead": show_ts(line.last_read_us) if line.last_read_us else None,
        "latest": show_ts(line.latest_us) if line.latest_us else None,
        "hasUnread": line.counts.unread > 0,
        "unreadCount": line.counts.badge(line.kind),
        "mentionCount": line.counts.mentions,
        "lastMessage": last,
    }


def message_row(record: Any, author: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "ts": show_ts(record["ts_us"]),
        "text": record["text"],
        "userId": record["author_id"] or None,
        "threadTs": show_ts(record["thread_us"]) if record["thread_us"] is not None else None,
        "user": author,
    }
