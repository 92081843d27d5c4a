"""When a reminder is, as people and programs say it; now is Tuesday, 2023-11-14 22:13:20 UTC."""

from datetime import UTC, datetime

import pytest

from cells.chat.domain.reminders.errors import CannotParse
from cells.chat.domain.reminders.times import read_time

NOW_US = 1_700_000_000_000_000
SAID = {
    "5": "2023-11-14 22:13:25",
    "60": "2023-11-14 22:14:20",
    "86400": "2023-11-15 22:13:20",
    "1700003600": "2023-11-14 23:13:20",
    "in 20 minutes": "2023-11-14 22:33:20",
    "In  an  Hour": "2023-11-14 23:13:20",
    "in half an hour": "2023-11-14 22:43:20",
    "in two days at 9am": "2023-11-16 09:00:00",
    "in 1 week": "2023-11-21 22:13:20",
    "tomorrow": "2023-11-15 09:00:00",
    "tomorrow at 5": "2023-11-15 05:00:00",
    "tomorrow 14:30": "2023-11-15 14:30:00",
    "at noon": "2023-11-15 12:00:00",
    "11pm": "2023-11-14 23:00:00",
    "at 12am": "2023-11-15 00:00:00",
    "9:15 am": "2023-11-15 09:15:00",
    "on friday": "2023-11-17 09:00:00",
    "next tuesday at 8am": "2023-11-21 08:00:00",
    "2026-12-01": "2026-12-01 09:00:00",
    "2026-12-01 at 08:05": "2026-12-01 08:05:00",
}
UNKNOWN = (
    *("every day", "every monday at 9am", "soon", "in a while", "in 20", "yesterday", "on the 5th", "at 25:00", "at 13pm", "at 9:61"),
    *("2026-13-01", "today at 9am", "0", "1600000000", "99999999999", "9" * 30, "in 999999 weeks", "-60", "٣٠", "x" * 1_000),
)


@pytest.mark.parametrize("said", SAID)
def test_understood(said: str) -> None:
    assert read_time(said, NOW_US) == int(datetime.fromisoformat(SAID[said]).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize("said", UNKNOWN)
def test_refused(said: str) -> None:
    """What recurs, what is not understood, what is over, what is more than five years ahead."""
    with pytest.raises(CannotParse):
        read_time(said, NOW_US)
