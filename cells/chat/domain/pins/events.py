"""A pin as Slack shows it (https://api.slack.com/methods/pins.list), and what is announced about pins."""

from typing import Any

from cells.chat.domain.messages.events import message_face
from cells.chat.domain.messages.message import Message
from cells.chat.domain.payloads import payload_of
from cells.chat.domain.pins.pin import Pin
from cells.chat.domain.timestamps import show_ts
from cells.runtime.log import Event


def pin_face(pin: Pin, message: Message, team_id: str) -> dict[str, Any]:
    return {
        "type": "message",
        "channel": message.channel_id,
        "message": message_face(message, team_id) | {"pinned_to": [message.channel_id]},
        "created": pin.created_us // 1_000_000,
        "created_by": pin.user_id,
    }


def pin_added(pin: Pin, message: Message, team_id: str, count: int) -> Event:
    """`count` pins are there now (https://api.slack.com/events/pin_added)."""
    return _told("pin_added", pin.user_id, message, {"item": pin_face(pin, message, team_id), "pin_count": count}, pin.created_us)


def pin_removed(user_id: str, message: Message, team_id: str, count: int, now_us: int) -> Event:
    """`count` pins are left."""
    item = {"type": "message", "channel": message.channel_id, "message": message_face(message, team_id)}
    return _told("pin_removed", user_id, message, {"item": item, "has_pins": count > 0, "pin_count": count}, now_us)


def _told(kind: str, user_id: str, message: Message, facts: dict[str, Any], at_us: int) -> Event:
    fields = {"type": kind, "user": user_id, "channel_id": message.channel_id, "item_user": message.user_id}
    return Event(kind, (message.channel_id,), payload_of({**fields, **facts, "event_ts": show_ts(at_us)}))
