"""Questions to an engine, and what it finds."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cells.chat.search.query import Needle

TOTAL_MAX = 10_000
"""Hits that are counted; where there are more, that many are said. Also the last one that can be paged to."""
RANKED_MAX = 300
"""Of more than TOTAL_MAX hits, the newest so many are ranked by score."""


class Order(StrEnum):
    SCORE = "score"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True, slots=True)
class Question:
    """`seen`: the conversations that the asker may see at this moment; nothing else is found, counted or ranked."""

    needle: Needle
    seen: frozenset[str]
    order: Order = Order.SCORE
    ascending: bool = False
    first: int = 0
    """Hits before the page."""
    size: int = 20


@dataclass(frozen=True, slots=True)
class Hit:
    """A message, by its conversation and time in microseconds; or a file, by its id."""

    place: str
    ts_us: int = 0
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Found:
    hits: tuple[Hit, ...] = ()
    total: int = 0
    """At most TOTAL_MAX."""


@dataclass(frozen=True, slots=True)
class Document:
    """What an engine stores of a message or a file. `version` rises with every change (a place in the workspace log)."""

    place: str
    ts_us: int
    thread_us: int
    terms: tuple[str, ...]
    marks: frozenset[str]
    version: int = 0

    @property
    def key(self) -> tuple[str, int]:
        return self.place, self.ts_us


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of messages (or files): as they are now, and which of them are no more."""

    stored: tuple[Document, ...] = ()
    removed: tuple[tuple[str, int], ...] = ()
    version: int = 0


class Engine(Protocol):
    """One workspace's, for one question or several. Raises EngineUnavailable where it cannot answer in time."""

    name: str

    async def messages(self, question: Question) -> Found: ...

    async def files(self, question: Question) -> Sequence[Hit]:
        """All of them, TOTAL_MAX at most, in order; `seen` and the page are left to the caller: a file is in many places."""


class EngineUnavailable(Exception):
    """It is down, too slow, or its breaker is open: another engine must answer."""
