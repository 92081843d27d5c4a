"""The engine for those who have one: OpenSearch, asked under a time limit and behind a breaker."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from prometheus_client import Counter, Gauge

from cells.chat.search.hits import TOTAL_MAX, EngineUnavailable, Found, Hit, Question
from cells.chat.search.opensearch_index import Names
from cells.chat.search.opensearch_query import NO_WORDS, Within, search_body, threads_body
from cells.chat.search.words_repository import WordList
from chassis.breaker import Breaker, BreakerState
from chassis.clock import Clock

if TYPE_CHECKING:
    from opensearchpy import AsyncOpenSearch

NAME = "opensearch"
ASK_S_MAX = 1.0
"""How long an answer may take; then PostgreSQL gives it."""
WRITE_S_MAX = 30.0
FAILURES_MAX, OPEN_S = 3, 5.0
THREADS_MAX = 1_000
CONNECTIONS_MAX = 16
WITHIN_WORDS_MAX = 4_096
"""A part that more words have is looked for by OpenSearch itself."""

OPEN = Gauge("waggle_search_breaker_open", "1 while OpenSearch is not asked because it did not answer")
FAILED = Counter("waggle_search_engine_failures_total", "Questions and pages that OpenSearch did not answer in time or well")


class Cluster:
    """One process's line to OpenSearch. Asking and storing share the breaker: what fails one will fail the other."""

    def __init__(self, url: str, names: Names, clock: Clock, ask_s_max: float = ASK_S_MAX) -> None:
        from opensearchpy import AsyncOpenSearch, exceptions  # a cell without one starts a fifth of a second sooner

        self.names = names
        self._errors = exceptions
        self._client = AsyncOpenSearch(url, max_retries=0, timeout=WRITE_S_MAX, maxsize=CONNECTIONS_MAX)
        self._ask_s_max = ask_s_max
        self._breaker = Breaker(clock, FAILURES_MAX, OPEN_S)

    @property
    def answers(self) -> bool:
        """As far as is known."""
        return self._breaker.state is BreakerState.CLOSED

    async def ask(self, alias: str, body: dict[str, Any]) -> dict[str, Any]:
        """Raises EngineUnavailable."""
        found: dict[str, Any] = await self._guarded(lambda: self._client.search(index=alias, body=body, _source=False), self._ask_s_max)
        return found

    async def tell(self, work: Callable[["AsyncOpenSearch"], Awaitable[Any]]) -> Any:
        """Anything that is not a question. Raises EngineUnavailable."""
        return await self._guarded(lambda: work(self._client), WRITE_S_MAX)

    async def close(self) -> None:
        await self._client.close()

    async def _guarded(self, ask: Callable[[], Awaitable[Any]], limit_s: float) -> Any:
        if not self._breaker.allow():
            raise EngineUnavailable("its circuit breaker is open")
        try:
            async with asyncio.timeout(limit_s):
                answer = await ask()
        except self._errors.NotFoundError:
            self._breaker.on_success()  # it answers; what was asked for is not there
            raise EngineUnavailable("the workspace has no index there") from None
        except self._errors.RequestError as error:
            self._breaker.on_success()  # it answers; it is us whom it does not understand
            raise EngineUnavailable(f"it refuses: {error.error} {error.info}"[:500]) from error
        except (self._errors.OpenSearchException, OSError, TimeoutError) as error:
            self._on_failure()
            raise EngineUnavailable(f"{type(error).__name__}: {error}"[:300]) from error
        self._breaker.on_success()
        OPEN.set(0)
        return answer

    def _on_failure(self) -> None:
        FAILED.inc()
        self._breaker.on_failure()
        OPEN.set(not self.answers)


class OpenSearchEngine:
    name = NAME

    def __init__(self, cluster: Cluster, workspace_id: str, words: WordList | None = None) -> None:
        """`words`: where they are all listed."""
        self._cluster, self._words = cluster, words
        self._alias = cluster.names.alias(workspace_id)

    async def messages(self, question: Question) -> Found:
        body = search_body(question, "message", await self._threads(question), await self._within(question))
        if body is None:
            return Found()
        hits = (await self._cluster.ask(self._alias, body))["hits"]
        return Found(tuple(map(_hit_of, hits["hits"])), min(hits["total"]["value"], TOTAL_MAX))

    async def files(self, question: Question) -> Sequence[Hit]:
        body = search_body(question, "file", within=await self._within(question))
        if body is None:
            return ()
        answer = await self._cluster.ask(self._alias, {**body, "from": 0, "size": TOTAL_MAX})
        return [_hit_of(hit) for hit in answer["hits"]["hits"]]

    async def _within(self, question: Question) -> Within:
        if self._words is None:
            return NO_WORDS
        found = await self._words.within(question.needle, WITHIN_WORDS_MAX + 1)
        return {part: words for part, words in found.items() if len(words) <= WITHIN_WORDS_MAX}

    async def _threads(self, question: Question) -> list[str] | None:
        """Those in which all of the company took part; None where no company was asked for."""
        if not question.needle.company:
            return None
        found = []
        for company in question.needle.company:
            answer = await self._cluster.ask(self._alias, threads_body(company.user_mark, THREADS_MAX))
            found.append(frozenset(bucket["key"] for bucket in answer["aggregations"]["threads"]["buckets"]))
        return sorted(frozenset.intersection(*found))


def _hit_of(hit: dict[str, Any]) -> Hit:
    """The id says it all (`document_id`)."""
    _, _, place, ts_us = str(hit["_id"]).split(":")
    return Hit(place, int(ts_us), float(hit.get("_score") or 0.0))
