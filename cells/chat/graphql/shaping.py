"""From rows of the database to rows of the schema."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec

from cells.chat.domain.channels.channel import ChannelKind
from cells.chat.domain.presence.presence import Standing
from cells.chat.domain.roles.role import Role
from cells.chat.domain.timestamps import show_ts
from cells.chat.domain.unread.counts import Line
from cells.chat.graphql.executor import Columns


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


_NOTHING_SET = Standing()


def standing_of(record: Any) -> Standing:
    return _NOTHING_SET if record["manual_away"] is None else Standing(record["manual_away"], record["snooze_until_us"])


class UserColumns(Columns):
    """Many users, of whom only what is asked for is made. `words`: presence, by id."""

    def __init__(self, records: Sequence[Any], words: Mapping[str, str], *, now_s: int, with_email: bool) -> None:
        self._records = records
        self._words = words
        self._now_s = now_s
        self._with_email = with_email

    @cached_property
    def _profiles(self) -> list[_Profile]:
        return [NO_PROFILE if (stored := record["profile"]) == "{}" else _profile(stored) for record in self._records]

    def column(self, name: str) -> list[Any]:
        made = getattr(self, f"_{_snake(name)}", None)
        return made() if made is not None else [record[_PLAIN[name]] for record in self._records]

    def _display_name(self) -> list[str]:
        return [p.display_name or record["name"] for p, record in zip(self._profiles, self._records, strict=True)]

    def _title(self) -> list[str]:
        return [profile.title for profile in self._profiles]

    def _email(self) -> list[str | None]:
        return [record["email"] if self._with_email else None for record in self._records]

    def _role(self) -> list[str]:
        return [ROLES[record["role"]] for record in self._records]

    def _is_bot(self) -> list[bool]:
        return [record["bot_id"] is not None for record in self._records]

    def _status_text(self) -> list[str]:
        return ["" if self._ended(profile) else profile.status_text for profile in self._profiles]

    def _status_emoji(self) -> list[str]:
        return ["" if self._ended(profile) else profile.status_emoji for profile in self._profiles]

    def _updated(self) -> list[int]:
        return [record["updated_us"] // 1_000_000 for record in self._records]

    def _presence(self) -> list[str]:
        return [self._words[record["user_id"]] for record in self._records]

    def _ended(self, profile: _Profile) -> bool:
        return 0 < profile.status_expiration <= self._now_s


_PLAIN = {"id": "user_id", "name": "name", "realName": "real_name", "deleted": "deleted"}


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


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
