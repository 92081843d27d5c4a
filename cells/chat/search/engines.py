"""Which engine answers: the first that can. What it is, the caller does not notice but in speed."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog
from prometheus_client import Counter

from cells.chat.search.hits import Engine, EngineUnavailable, Found, Hit, Question
from cells.chat.search.query import Match, Needle, Sought
from cells.chat.search.words import tokens

R = TypeVar("R")
PART_LENGTH_MIN = 3
ANSWERED = Counter("waggle_search_answers_total", "Searches answered", ["engine"])
PASSED_OVER = Counter("waggle_search_passed_over_total", "Searches that an engine could not answer and another did", ["engine"])


@dataclass(frozen=True, slots=True)
class Engines:
    """In the order in which they are asked; the last one must always answer."""

    engines: Sequence[Engine]

    async def messages(self, question: Question) -> Found:
        return await self._first(lambda engine: engine.messages(question))

    async def files(self, question: Question) -> Sequence[Hit]:
        return await self._first(lambda engine: engine.files(question))

    async def _first(self, ask: Callable[[Engine], Awaitable[R]]) -> R:
        *preferred, last = self.engines
        for engine in preferred:
            try:
                answer = await ask(engine)
            except EngineUnavailable as error:
                PASSED_OVER.labels(engine.name).inc()
                structlog.get_logger("search").warning("an engine was passed over", engine=engine.name, error=str(error))
                continue
            ANSWERED.labels(engine.name).inc()
            return answer
        ANSWERED.labels(last.name).inc()
        return await ask(last)


def widened(needle: Needle) -> Needle | None:
    """The same for parts of words, where nothing was found by whole ones; None where that would ask the same again."""
    wider = tuple(_as_part(sought) for sought in needle.sought)
    return None if wider == needle.sought else replace(needle, sought=wider)


def _as_part(sought: Sought) -> Sought:
    plain = sought.match is Match.WHOLE and not sought.quoted and not sought.negated and len(sought.terms) == 1
    if not plain or len(sought.terms[0]) < PART_LENGTH_MIN or next(tokens(sought.terms[0])).unspaced:
        return sought
    return replace(sought, match=Match.WITHIN)
