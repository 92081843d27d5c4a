"""Mentions in a message's text, blocks and attachments (https://api.slack.com/reference/surfaces/formatting#mentions).

A target is a user's id, a user group's id, or `!channel`, `!here`, `!everyone`. Nobody is looked up: what is called need
not exist, and one target stands for any number of people.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

HERE = "!here"
EVERYONE_TARGETS = ("!channel", HERE, "!everyone")
TARGETS_MAX = 500
"""Different targets of one message that are kept, in the order they are met; the rest call nobody."""

_MENTION = re.compile(r"<(?:@([UW][A-Z0-9]{8,20})|(![a-z]+)|!subteam\^(S[A-Z0-9]{8,20}))(?:\|[^<>]*)?>")
_RANGES = frozenset(target[1:] for target in EVERYONE_TARGETS)
_ID = re.compile(r"[UWS][A-Z0-9]{8,20}")
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def mentions_of(text: str, extras: str | None) -> tuple[str, ...]:
    """Each target once. `extras` is the message's JSON of blocks, attachments and metadata; metadata calls nobody."""
    found = list(_in_text(text)) if "<" in text else []
    if extras is not None and ("<" in extras or "rich_text" in extras):
        carried = _decode(extras)
        found.extend(_in_nested([carried.get("blocks"), carried.get("attachments")]))
    return tuple(dict.fromkeys(found))[:TARGETS_MAX]


def _in_text(text: str) -> Iterator[str]:
    for user_id, special, group_id in _MENTION.findall(text):
        if user_id or group_id:
            yield user_id or group_id
        elif special in EVERYONE_TARGETS:
            yield special


def _in_nested(root: Any) -> Iterator[str]:
    """In the order of the document; a stack of its own, because clients choose the depth."""
    waiting = [root]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and "<" in value:
            yield from _in_text(value)
        elif isinstance(value, list):
            waiting.extend(reversed(value))
        elif isinstance(value, dict):
            yield from _in_element(value)
            waiting.extend(reversed(list(value.values())))


def _in_element(element: dict[str, Any]) -> Iterator[str]:
    """Rich text names whom it calls in fields of its own."""
    match element:
        case {"type": "user", "user_id": str(target)} | {"type": "usergroup", "usergroup_id": str(target)}:
            if _ID.fullmatch(target):
                yield target
        case {"type": "broadcast", "range": str(reach)} if reach in _RANGES:
            yield f"!{reach}"
