"""Which messages and files an event of the log says something new of. They are read again as they stand, so it does not matter
what the event says of them, nor whether it is heard twice."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from cells.chat.domain.timestamps import read_ts
from cells.runtime.log import LoggedEvent

Key = tuple[str, int]
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_ABOUT_MESSAGES = frozenset(
    ("message", "message_changed", "message_deleted", "reaction_added", "reaction_removed", "pin_added", "pin_removed", "message_replied")
)
_ABOUT_FILES = frozenset(("file_created", "file_shared", "file_change", "file_public", "file_unshared", "file_deleted"))


@dataclass(frozen=True, slots=True)
class News:
    messages: tuple[Key, ...] = ()
    files: tuple[str, ...] = ()
    rewritten: bool = False
    """Messages came in that no event names: everything is to be read again."""


def news_of(events: Sequence[LoggedEvent]) -> News:
    """Each once."""
    messages: dict[Key, None] = {}
    files: dict[str, None] = {}
    rewritten = False
    for event in events:
        if event.kind in _ABOUT_MESSAGES:
            messages.update(dict.fromkeys(_keys_of(_decode(event.payload))))
        elif event.kind in _ABOUT_FILES:
            files[str(_decode(event.payload).get("file_id", ""))] = None
        elif event.kind == "messages_expired":
            messages.update(dict.fromkeys(_expired(_decode(event.payload))))
        elif event.kind == "channel_history_changed":
            rewritten = True
    return News(tuple(messages), tuple(files), rewritten)


def _expired(fields: dict[str, Any]) -> Iterator[Key]:
    for ts in fields["expired"]:
        if (ts_us := read_ts(ts)) is not None:
            yield fields["channel"], ts_us


def _keys_of(fields: dict[str, Any]) -> Iterator[Key]:
    """The message itself and the thread's first, which has an answer more or less."""
    inside = fields.get("item")
    item: dict[str, Any] = inside if isinstance(inside, dict) else fields
    channel = item.get("channel") or fields.get("channel") or fields.get("channel_id")
    inner = [part for part in (item, item.get("message"), item.get("previous_message")) if isinstance(part, dict)]
    for ts in {part.get(name) for part in inner for name in ("ts", "deleted_ts", "thread_ts")}:
        ts_us = read_ts(ts) if isinstance(ts, str) else None
        if ts_us is not None and isinstance(channel, str):
            yield channel, ts_us
