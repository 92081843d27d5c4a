"""Passing news (typing, presence) that waits for a client that reads slowly: of what is said again only the last is kept."""

from collections import OrderedDict
from typing import Any

import msgspec

WAITING_MAX = 500
"""A client may watch the presence of as many users; the oldest news goes first."""

Key = tuple[Any, ...]


class Passing:
    """Bounded by `waiting_max` texts. Pure."""

    def __init__(self, waiting_max: int = WAITING_MAX) -> None:
        self._waiting_max = waiting_max
        self._waiting: OrderedDict[Key, str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, text: str) -> int:
        """Keep `text` as the newest; returns how many texts that made needless or pushed out."""
        key = subject_of(text)
        replaced = self._waiting.pop(key, None) is not None
        self._waiting[key] = text
        if len(self._waiting) <= self._waiting_max:
            return int(replaced)
        self._waiting.popitem(last=False)
        return int(replaced) + 1

    def take(self) -> str:
        """The oldest. Raises KeyError when nothing waits."""
        return self._waiting.popitem(last=False)[1]

    def clear(self) -> None:
        self._waiting.clear()


def subject_of(text: str) -> Key:
    """What the news is about: two texts with the same subject say the same thing at different times."""
    try:
        said = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return (text,)
    if not isinstance(said, dict):
        return (text,)
    return tuple(str(said.get(name)) for name in ("type", "channel", "user", "users"))
