"""When a reminder is: seconds since 1970, seconds from now, or a few words of English. All of it in UTC.

`in 20 minutes`, `in an hour`, `in 2 days at 9am`, `tomorrow`, `tomorrow at 14:30`, `today at 5pm`, `at noon`, `9:15am`, `on friday`,
`next monday at 8am`, `2026-12-01`, `2026-12-01 at 08:00`. A day without a time means 9:00, as Slack has it.
"""

import re
from datetime import UTC, datetime, timedelta

from cells.chat.domain.reminders.errors import CannotParse

AHEAD_S_MAX = 5 * 366 * 86_400
FROM_NOW_S_MAX = 86_400
"""A number up to this is seconds from now, a greater one seconds since 1970."""
MORNING = 9
LENGTH_MAX = 100
_UNITS = {"second": 1, "sec": 1, "minute": 60, "min": 60, "hour": 3_600, "hr": 3_600, "day": 86_400, "week": 604_800}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "ten": 10, "half": 0.5}
_IN = re.compile(rf"in (\d{{1,6}}|{'|'.join(_NUMBERS)}) (?:an )?({'|'.join(_UNITS)})s?(?: at (.+))?")
_DAY = re.compile(rf"(?:on |next )?(today|tomorrow|{'|'.join(_DAYS)}|\d{{4}}-\d{{2}}-\d{{2}})(?:,? (?:at )?(.+))?")
_TIME = re.compile(r"(?:at )?(?:(noon|midnight)|(\d{1,2})(?::(\d{2}))? ?(am|pm)?)")


def read_time(said: str, now_us: int) -> int:
    """Microseconds. Raises CannotParse for what is not understood, not to come, or too far away."""
    words = " ".join(said.lower().split())
    now = datetime.fromtimestamp(now_us / 1e6, UTC)
    at = _number(words, now) if words.isascii() and words.isdigit() and len(words) <= 12 else _spoken(words, now)
    if at is None or not now < at <= now + timedelta(seconds=AHEAD_S_MAX):
        raise CannotParse
    return int(at.timestamp()) * 1_000_000


def _number(digits: str, now: datetime) -> datetime | None:
    seconds = int(digits)
    return now + timedelta(seconds=seconds) if seconds <= FROM_NOW_S_MAX else _instant(seconds)


def _instant(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _spoken(words: str, now: datetime) -> datetime | None:
    if len(words) > LENGTH_MAX:
        return None
    if found := _IN.fullmatch(words):
        return _from_now(found, now)
    if found := _DAY.fullmatch(words):
        day = _day(found[1], now)
        return _at(day, f"at {found[2]}" if found[2] else "") if day else None
    today = _at(now, words) if words else None
    return today + timedelta(days=1) if today and today <= now else today


def _from_now(found: re.Match[str], now: datetime) -> datetime | None:
    count = _NUMBERS.get(found[1]) or float(found[1])
    seconds = count * _UNITS[found[2]]
    if seconds > AHEAD_S_MAX:
        return None
    then = now + timedelta(seconds=seconds)
    return _at(then, f"at {found[3]}") if found[3] else then


def _day(word: str, now: datetime) -> datetime | None:
    if word in ("today", "tomorrow"):
        return now + timedelta(days=word == "tomorrow")
    if word in _DAYS:
        return now + timedelta(days=(_DAYS.index(word) - now.weekday() - 1) % 7 + 1)
    try:
        return datetime.fromisoformat(word).replace(tzinfo=UTC)
    except ValueError:
        return None


def _at(day: datetime, words: str) -> datetime | None:
    """Nine in the morning where no time is said."""
    if not words:
        return day.replace(hour=MORNING, minute=0, second=0, microsecond=0)
    found = _TIME.fullmatch(words)
    if found is None:
        return None
    if found[1]:
        hour, minute = (12 if found[1] == "noon" else 0), 0
    else:
        hour, minute = _hour(int(found[2]), found[4]), int(found[3] or 0)
        if not (found[3] or found[4]) and not words.startswith("at "):
            return None
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0) if 0 <= hour < 24 and minute < 60 else None


def _hour(hour: int, half: str | None) -> int:
    """-1 where there is no such hour."""
    if half is None:
        return hour
    return hour % 12 + 12 * (half == "pm") if 1 <= hour <= 12 else -1
