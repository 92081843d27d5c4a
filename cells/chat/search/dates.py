"""Days, weeks, months and years as people write them, as windows of days."""

import datetime
import re
from dataclasses import dataclass

DAY_US = 86_400_000_000
MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")
_ISO = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})")
_AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_MONTH = re.compile(r"(\d{4})[-/](\d{1,2})")
_NAMED = re.compile(r"([a-z]{3,9})(?:[ _-](\d{4}))?")
_YEAR = re.compile(r"\d{4}")
_EPOCH = datetime.date(1970, 1, 1)
_Day = datetime.date


@dataclass(frozen=True, slots=True)
class Days:
    """From `first` to `last`, both in it."""

    first: datetime.date
    last: datetime.date


def days_of(text: str, today: datetime.date) -> Days | None:
    """What `text` calls, seen from `today`; None for what is no date. A month without a year is the last one so called."""
    word = text.strip().casefold().replace("_", " ")
    try:
        return _relative(word, today) or _written(word) or _month_by_name(word, today)
    except ValueError:
        return None


def start_us(day: datetime.date, utc_offset_s: int = 0) -> int:
    """Of its first moment, for someone whose clock is `utc_offset_s` ahead of UTC."""
    return (day - _EPOCH).days * DAY_US - utc_offset_s * 1_000_000


def _relative(word: str, today: _Day) -> Days | None:
    one, monday = datetime.timedelta(days=1), today - datetime.timedelta(days=today.weekday())
    match word:
        case "today":
            return Days(today, today)
        case "yesterday":
            return Days(today - one, today - one)
        case "week" | "this week":
            return Days(monday, monday + 6 * one)
        case "last week":
            return Days(monday - 7 * one, monday - one)
        case "month" | "this month":
            return _month(today.year, today.month)
        case "last month":
            before = today.replace(day=1) - one
            return _month(before.year, before.month)
        case "year" | "this year":
            return _year(today.year)
        case "last year":
            return _year(today.year - 1)
    return None


def _written(word: str) -> Days | None:
    if found := _ISO.fullmatch(word):
        day = _Day(int(found[1]), int(found[2]), int(found[3]))
        return Days(day, day)
    if found := _AMERICAN.fullmatch(word):
        day = _Day(int(found[3]), int(found[1]), int(found[2]))
        return Days(day, day)
    if found := _MONTH.fullmatch(word):
        return _month(int(found[1]), int(found[2]))
    return _year(int(word)) if _YEAR.fullmatch(word) and word.isascii() else None


def _month_by_name(word: str, today: _Day) -> Days | None:
    found = _NAMED.fullmatch(word)
    numbers = [at for at, name in enumerate(MONTHS, 1) if found and name.startswith(found[1])]
    if found is None or len(numbers) != 1:
        return None
    if found[2]:
        return _month(int(found[2]), numbers[0])
    return _month(today.year if numbers[0] <= today.month else today.year - 1, numbers[0])


def _month(year: int, month: int) -> Days:
    first = _Day(year, month, 1)
    following = first.replace(day=28) + datetime.timedelta(days=4)
    return Days(first, following - datetime.timedelta(days=following.day))


def _year(year: int) -> Days:
    return Days(_Day(year, 1, 1), _Day(year, 12, 31))
