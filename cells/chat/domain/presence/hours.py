"""Hours of each day in which a user is not to be disturbed, on the user's own clock. Pure."""

import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

from cells.chat.domain.presence.errors import InvalidHours

DAY_MINUTES = 24 * 60
MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Hours:
    """Minutes after midnight in `zone`; an end before the start is on the next day."""

    start_minute: int
    end_minute: int
    zone: str = "Etc/UTC"

    def next(self, now_us: int, ended_us: int = 0) -> tuple[int, int]:
        """The span that is on now, or the next one, in whole seconds since 1970. One that began before `ended_us` is over."""
        now = datetime.fromtimestamp(now_us / MICROSECONDS, UTC).astimezone(_zone(self.zone))
        spans = (self._on(now + timedelta(days=day)) for day in (-1, 0, 1, 2, 3))
        return next((start, end) for start, end in spans if end * MICROSECONDS > now_us and start * MICROSECONDS >= ended_us)

    def _on(self, day: datetime) -> tuple[int, int]:
        start = datetime.combine(day.date(), _at(self.start_minute), day.tzinfo)
        over_midnight = timedelta(days=self.end_minute < self.start_minute)
        end = datetime.combine(day.date() + over_midnight, _at(self.end_minute), day.tzinfo)
        return int(start.timestamp()), int(end.timestamp())


def checked_hours(start: str, end: str) -> Hours:
    """Of two times like `22:00`. Raises InvalidHours."""
    hours = Hours(_minute(start), _minute(end))
    if hours.start_minute == hours.end_minute:
        raise InvalidHours("start and end are the same")
    return hours


def _minute(shown: str) -> int:
    hour, colon, minute = shown.partition(":")
    if not (colon and hour.isdecimal() and minute.isdecimal() and shown.isascii() and len(hour) <= 2 and len(minute) == 2):
        raise InvalidHours("a time is hours and minutes, as 22:00")
    found = int(hour) * 60 + int(minute)
    if int(minute) > 59 or found >= DAY_MINUTES:
        raise InvalidHours("a day has 24 hours of 60 minutes")
    return found


def _at(minute: int) -> time:
    return time(minute // 60, minute % 60)


@lru_cache(maxsize=1024)
def _zone(name: str) -> zoneinfo.ZoneInfo:
    """One that this machine does not know is taken for UTC."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return zoneinfo.ZoneInfo("UTC")
