from typing import Any

from cells.chat.domain.payloads import payload_of
from cells.chat.domain.reminders.repository import Reminder
from cells.chat.domain.timestamps import show_ts
from cells.runtime.log import Event


def reminder_face(reminder: Reminder) -> dict[str, Any]:
    return {
        "id": reminder.reminder_id,
        "creator": reminder.creator_id,
        "user": reminder.user_id,
        "text": reminder.text,
        "recurring": False,
        "time": reminder.at_us // 1_000_000,
        "complete_ts": reminder.complete_us // 1_000_000,
    }


def reminder_event(kind: str, reminder: Reminder, now_us: int) -> Event:
    """Told to whom it is for alone."""
    fields = {"type": kind, "reminder": reminder_face(reminder), "event_ts": show_ts(now_us)}
    return Event(kind, (reminder.user_id,), payload_of(fields))
