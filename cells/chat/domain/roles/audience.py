"""Whom an event reaches by what they are."""

from cells.chat.domain.payloads import payload_of
from cells.chat.domain.timestamps import show_ts
from cells.runtime.log import Event

FULL_MEMBERS = "full"
"""The group of everyone but guests: what they may find in the list of public channels is told to it."""
REACH_CHANGED = "reach_changed"


def reach_changed(user_id: str, now_us: int, *, full: bool) -> Event:
    """Told to the user alone, who is a guest no longer, or one from now on: from here the user's sessions hear accordingly."""
    fields = {"type": REACH_CHANGED, "user": user_id, "full": full, "event_ts": show_ts(now_us)}
    return Event(REACH_CHANGED, (user_id,), payload_of(fields))
