"""What was asked, taken apart: words to find, and what else a hit must be."""

from dataclasses import dataclass, field
from enum import StrEnum


class Match(StrEnum):
    WHOLE = "whole"
    """The terms, one after the other."""
    PREFIX = "prefix"
    """As whole, and the last one only begins so."""
    WITHIN = "within"
    """A single term that has this somewhere in it."""


@dataclass(frozen=True, slots=True)
class Sought:
    """Words to find, or (negated) not to find. `text` is as it was written; `terms` is never empty."""

    text: str
    terms: tuple[str, ...]
    match: Match = Match.WHOLE
    negated: bool = False
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """A person or a place by what the asker called it: a name or an id, without `@`, `#` and markup."""

    name: str
    sigil: str = ""
    """`@` or `#` where one was written."""
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Quality:
    """`has:` something, or `is:` something."""

    name: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A whole question. Times are days of the asker, as microseconds since 1970; both ends belong to the window."""

    text: str
    sought: tuple[Sought, ...] = ()
    authors: tuple[Named, ...] = ()
    places: tuple[Named, ...] = ()
    company: tuple[Named, ...] = ()
    qualities: tuple[Quality, ...] = ()
    since_us: int = 0
    until_us: int = (1 << 62) - 1

    @property
    def is_empty(self) -> bool:
        """Nothing was asked for: white space and signs alone."""
        return self == Asked(self.text)


@dataclass(frozen=True, slots=True)
class Needle:
    """A question in ids alone, as engines take it. Every condition must hold."""

    sought: tuple[Sought, ...] = ()
    marks: tuple[frozenset[str], ...] = ()
    """Of each set, a document must bear one mark at least; an empty set is never met."""
    without: frozenset[str] = frozenset()
    """None of these marks."""
    since_us: int = 0
    until_us: int = (1 << 62) - 1
    company: tuple["Company", ...] = ()

    @property
    def weighed(self) -> tuple[Sought, ...]:
        """Words that make one hit better than another: whole ones. A part of a word is in a hit or is not, so what is found by parts
        and beginnings alone goes by time.
        """
        return tuple(sought for sought in self.sought if sought.match is Match.WHOLE and not sought.negated)


@dataclass(frozen=True, slots=True)
class Company:
    """With someone: in one of these direct conversations, or in a thread they take part in."""

    user_mark: str
    channels: frozenset[str] = field(default_factory=frozenset)
