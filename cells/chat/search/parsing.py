"""The query language: words, "phrases", prefix*, *within*, -not, and modifiers such as from: and before:.

Source: https://slack.com/help/articles/202528808-Search-in-Slack. There are no bad queries: what is no modifier is text.
"""

import datetime
import re
from collections.abc import Callable
from dataclasses import replace

from cells.chat.search.dates import days_of, start_us
from cells.chat.search.query import Asked, Match, Named, Quality, Sought
from cells.chat.search.words import normal, terms, tokens

QUERY_LENGTH_MAX = 1_000
"""Characters that are read; the rest is ignored."""
PARTS_MAX = 40
"""Words, phrases and modifiers that are read."""
PREFIX_LENGTH_MIN = 2
WITHIN_LENGTH_MIN = 3

_PART = re.compile(r'(-)?(?:([A-Za-z]+):(?!//))?("[^"]*"?|“[^”]*”?|\S+)|(-)?([A-Za-z]+):(?=\s|$)')
_EMOJI = re.compile(r":([\w+'-]{1,100})(?:::skin-tone-[1-6])?:?")
_MARKUP = re.compile(r"<[@#!]([A-Z0-9]+)(?:\|[^<>]*)?>")
QUALITIES_HAD = frozenset(("link", "file", "reaction", "pin"))
QUALITIES_BEEN = frozenset(("thread",))
_Take = Callable[[Asked, str, bool], Asked | None]


def parse(text: str, today: datetime.date, utc_offset_s: int = 0) -> Asked:
    """Never raises. `today` is the asker's."""
    asked, day = Asked(text), _Dates(today, utc_offset_s)
    for count, part in enumerate(_PART.finditer(normal(text[:QUERY_LENGTH_MAX]))):
        if count >= PARTS_MAX:
            break
        asked = _with_part(asked, part, day)
    return asked


def _with_part(asked: Asked, part: re.Match[str], dates: "_Dates") -> Asked:
    negated, modifier, value = part[1] is not None, (part[2] or "").lower(), part[3]
    if value is None:
        return _with_words(asked, f"{part[5]}:", negated=part[4] is not None)
    take = _TAKERS.get(modifier) or dates.taker(modifier)
    taken = take(asked, value.strip('"“”').strip(), negated) if take else None
    if taken is not None:
        return taken
    return _with_words(asked, f"{part[2]}:{value}" if part[2] else value, negated=negated)


def _with_words(asked: Asked, text: str, *, negated: bool) -> Asked:
    return replace(asked, sought=(*asked.sought, *_sought(text, negated)))


def _sought(text: str, negated: bool) -> list[Sought]:
    """Empty where there is nothing in it to find."""
    bare = text.strip('"“”')
    if text[:1] in ('"', "“"):
        return [replace(sought, quoted=True) for sought in _runs(bare, negated)]
    inner = bare.strip("*")
    if inner and bare.endswith("*"):
        return _open_ended(inner, negated, within=bare.startswith("*"))
    return _runs(bare, negated)


def _runs(text: str, negated: bool) -> list[Sought]:
    """Terms that must follow one another. A run ends after a piece written without spaces: whether its last character stands
    alone in a text cannot be asked for.
    """
    runs: list[Sought] = []
    waiting: list[str] = []
    for token in tokens(text):
        if not token.unspaced:
            waiting.extend(token.terms)
            continue
        alone = len(token.terms) == 1
        if alone and waiting:
            runs.append(Sought(text, tuple(waiting), negated=negated))
            waiting = []
        waiting.extend(token.terms if alone else token.terms[:-1])
        runs.append(Sought(text, tuple(waiting), Match.PREFIX if alone else Match.WHOLE, negated))
        waiting = []
    return [*runs, Sought(text, tuple(waiting), negated=negated)] if waiting else runs


def _open_ended(text: str, negated: bool, *, within: bool) -> list[Sought]:
    runs = _runs(text, negated)
    last = list(tokens(text))[-1:]
    if not runs or last[0].unspaced:
        return runs
    begun = terms(text[last[0].start : last[0].end] + "x")[0][:-1]  # not folded as a plural: its end is not here
    if len(begun) < PREFIX_LENGTH_MIN:
        return runs
    alone = within and len(runs) == 1 and len(runs[0].terms) == 1 and len(begun) >= WITHIN_LENGTH_MIN
    return [*runs[:-1], replace(runs[-1], terms=(*runs[-1].terms[:-1], begun), match=Match.WITHIN if alone else Match.PREFIX)]


def _named(value: str) -> tuple[str, str] | None:
    """(sigil, name)."""
    if marked := _MARKUP.fullmatch(value):
        return "@", marked[1]
    sigil = value[:1] if value[:1] in "@#" else ""
    name = value[len(sigil) :].strip()
    return (sigil, name) if name else None


def _from(asked: Asked, value: str, negated: bool) -> Asked | None:
    named = _named(value)
    return replace(asked, authors=(*asked.authors, Named(named[1], named[0], negated))) if named else None


def _in(asked: Asked, value: str, negated: bool) -> Asked | None:
    named = _named(value)
    return replace(asked, places=(*asked.places, Named(named[1], named[0], negated))) if named else None


def _with(asked: Asked, value: str, negated: bool) -> Asked | None:
    named = _named(value)
    return replace(asked, company=(*asked.company, Named(named[1], named[0], negated))) if named else None


def _has(asked: Asked, value: str, negated: bool) -> Asked | None:
    name = value.casefold()
    if emoji := _EMOJI.fullmatch(value):
        return replace(asked, qualities=(*asked.qualities, Quality(f":{emoji[1]}:", negated)))
    return replace(asked, qualities=(*asked.qualities, Quality(f"has:{name}", negated))) if name in QUALITIES_HAD else None


def _is(asked: Asked, value: str, negated: bool) -> Asked | None:
    name = value.casefold()
    return replace(asked, qualities=(*asked.qualities, Quality(f"is:{name}", negated))) if name in QUALITIES_BEEN else None


_TAKERS: dict[str, _Take] = {"from": _from, "in": _in, "with": _with, "has": _has, "is": _is}


class _Dates:
    """before: and after: leave the day itself out; several windows cut one another."""

    def __init__(self, today: datetime.date, utc_offset_s: int) -> None:
        self._today, self._offset_s = today, utc_offset_s

    def taker(self, modifier: str) -> _Take | None:
        return {"before": self._before, "after": self._after, "on": self._during, "during": self._during}.get(modifier)

    def _before(self, asked: Asked, value: str, negated: bool) -> Asked | None:
        days = None if negated else days_of(value, self._today)
        return replace(asked, until_us=min(asked.until_us, self._start_us(days.first) - 1)) if days else None

    def _after(self, asked: Asked, value: str, negated: bool) -> Asked | None:
        days = None if negated else days_of(value, self._today)
        return replace(asked, since_us=max(asked.since_us, self._end_us(days.last))) if days else None

    def _during(self, asked: Asked, value: str, negated: bool) -> Asked | None:
        days = None if negated else days_of(value, self._today)
        if days is None:
            return None
        since_us, until_us = self._start_us(days.first), self._end_us(days.last) - 1
        return replace(asked, since_us=max(asked.since_us, since_us), until_us=min(asked.until_us, until_us))

    def _start_us(self, day: datetime.date) -> int:
        return start_us(day, self._offset_s)

    def _end_us(self, day: datetime.date) -> int:
        return start_us(day, self._offset_s) + 86_400_000_000
