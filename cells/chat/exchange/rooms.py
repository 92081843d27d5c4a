"""channels.json, groups.json, mpims.json, dms.json: conversations, as they are stored here."""

import re
from dataclasses import dataclass
from typing import Any

from cells.chat.domain.channels.channel import Channel, ChannelKind
from cells.chat.domain.channels.names import NAME_LENGTH_MAX
from cells.chat.domain.imports.past import Pin
from cells.chat.domain.imports.standing import Note
from cells.chat.domain.timestamps import read_ts
from cells.chat.exchange.elements import Unreadable, object_of
from cells.chat.exchange.people import USER_ID
from chassis.identity import ChannelId, UserId

KINDS = {
    "channels": ChannelKind.PUBLIC,
    "groups": ChannelKind.PRIVATE,
    "mpims": ChannelKind.MPIM,
    "dms": ChannelKind.IM,
}
TEXT_LENGTH_MAX = 4_000
MEMBERS_MAX = 500_000
_CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{4,30}")
_NOT_IN_NAMES = re.compile(r"[^\w-]+")


@dataclass(frozen=True, slots=True)
class PastRoom:
    channel: Channel
    folder: str
    """Where its messages are: direct conversations by id, all others by name."""
    members: tuple[str, ...]
    pins: tuple[Pin, ...]


def past_room(item: bytes, kind: ChannelKind, place: str) -> PastRoom | Note:
    try:
        given = object_of(item)
    except Unreadable as error:
        return Note("channel", place, str(error))
    channel_id, name = _text(given, "id"), _text(given, "name")
    if not _CHANNEL_ID.fullmatch(channel_id):
        return Note("channel", f"{name or place}", f"{channel_id[:40]!r} is no conversation's id")
    members = tuple(dict.fromkeys(user for user in _list(given, "members") if isinstance(user, str) and USER_ID.fullmatch(user)))
    direct = kind in (ChannelKind.IM, ChannelKind.MPIM)
    if direct and not members:
        return Note("channel", f"{name or channel_id}", "a direct conversation without people")
    if not direct and not name:
        return Note("channel", channel_id, "a channel without a name")
    folder = channel_id if kind is ChannelKind.IM else name or channel_id
    pins = tuple(pin for given_pin in _list(given, "pins") if (pin := _pin(given_pin, channel_id)) is not None)
    return PastRoom(_channel(given, kind, members if direct else ()), folder, members[:MEMBERS_MAX], pins)


def stored_name(name: str) -> str:
    """As names of channels are kept here."""
    return _NOT_IN_NAMES.sub("-", name.lower())[:NAME_LENGTH_MAX].strip() or "channel"


def _channel(given: dict[str, Any], kind: ChannelKind, people: tuple[str, ...]) -> Channel:
    created_us = _seconds(given, "created")
    topic, purpose = _note(given, "topic"), _note(given, "purpose")
    name = _text(given, "name")
    return Channel(
        channel_id=ChannelId(_text(given, "id")),
        kind=kind,
        name=stored_name(name) if kind is not ChannelKind.IM else "",
        creator_id=UserId(_text(given, "creator")),
        created_us=created_us,
        updated_us=created_us,
        archived=given.get("is_archived") is True,
        is_general=given.get("is_general") is True and kind is ChannelKind.PUBLIC,
        topic=_text(topic, "value")[:TEXT_LENGTH_MAX],
        purpose=_text(purpose, "value")[:TEXT_LENGTH_MAX],
        people=",".join(sorted(people)),
        topic_by=_text(topic, "creator"),
        topic_us=_seconds(topic, "last_set"),
        purpose_by=_text(purpose, "creator"),
        purpose_us=_seconds(purpose, "last_set"),
    )


def _pin(given: object, channel_id: str) -> Pin | None:
    if not isinstance(given, dict):
        return None
    ts_us = read_ts(_text(given, "id"))
    if ts_us is None:
        return None
    return Pin(channel_id, ts_us, _text(given, "user"), _seconds(given, "created"))


def _note(given: dict[str, Any], name: str) -> dict[str, Any]:
    value = given.get(name)
    return value if isinstance(value, dict) else {}


def _list(given: dict[str, Any], name: str) -> list[Any]:
    value = given.get(name)
    return value if isinstance(value, list) else []


def _text(given: dict[str, Any], name: str) -> str:
    value = given.get(name)
    return value if isinstance(value, str) else ""


def _seconds(given: dict[str, Any], name: str) -> int:
    """Microseconds; 0 where it is none."""
    value = given.get(name)
    return int(value) * 1_000_000 if isinstance(value, int | float) and 0 < value < 10**11 else 0
