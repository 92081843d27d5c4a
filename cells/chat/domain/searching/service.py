"""Search as a whole, for whoever puts chat together: what answers, what follows, what an administrator may ask."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from cells.chat.domain.errors import DomainError
from cells.chat.domain.searching.finding import Library
from cells.chat.domain.searching.following import follow_with_opensearch, follow_with_postgres
from cells.chat.domain.searching.indexing import Begin, Indexing
from cells.chat.domain.searching.library import PostgresAlone, WithOpenSearch
from cells.chat.domain.searching.opensearch_sink import NEXT, Keeping
from cells.chat.domain.searching.postgres_sink import PostgresSink
from cells.chat.domain.searching.progress_repository import Progress, ProgressBook
from cells.chat.domain.searching.turns import Turns
from cells.chat.search.opensearch import Cluster
from cells.chat.search.opensearch_index import Names
from cells.chat.search.opensearch_purging import purge_part
from cells.chat.search.settings import SearchSettings
from cells.runtime.log import LoggedTenant
from cells.runtime.log.snapshot import head_of
from cells.runtime.workload import Command, Follower, Forget, Tenant
from chassis.clock import Clock

PASSED_OVER = "search: OpenSearch does not answer; PostgreSQL answers instead"


class UnknownEngine(DomainError):
    """Not an engine of this cell."""

    code = "unknown_engine"


@dataclass(frozen=True, slots=True)
class Search:
    library: Library
    followers: Mapping[str, Follower]
    commands: Mapping[str, Command]
    notices: Callable[[], tuple[str, ...]] = tuple
    """What an operator should know of it now, in sentences."""
    cluster: Cluster | None = field(default=None)

    @property
    def forget(self) -> Forget | None:
        """None where nothing is kept beside the tables."""
        return None if self.cluster is None else partial(purge_part, self.cluster)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            if self.cluster is not None:
                await self.cluster.close()


def search_of(settings: SearchSettings, cell: str, clock: Clock) -> Search:
    """`cell` names the indexes, so that no two cells share one."""
    turns = Turns(settings.at_once)
    postgres = partial(follow_with_postgres, indexing=Indexing(PostgresSink()))
    if settings.opensearch_url is None:
        commands = _Commands(None)
        return Search(PostgresAlone(turns), {"postgres": postgres}, commands.all())
    cluster = Cluster(settings.opensearch_url, Names(f"waggle-{cell}"), clock)
    keeping = Keeping(cluster, settings.own_index_documents)
    followers = {"postgres": postgres, "opensearch": partial(follow_with_opensearch, keeping=keeping)}
    return Search(
        WithOpenSearch(cluster, turns),
        followers,
        _Commands(keeping).all(),
        lambda: () if cluster.answers else (PASSED_OVER,),
        cluster,
    )


@dataclass(frozen=True, slots=True)
class _Commands:
    keeping: Keeping | None

    def all(self) -> Mapping[str, Command]:
        verbs: dict[str, Callable[[LoggedTenant, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]] = {
            "search.status": self.status,
            "search.reindex": self.reindex,
        }
        return {name: _with_log(verb) for name, verb in verbs.items()}

    async def status(self, tenant: LoggedTenant, _: Mapping[str, Any]) -> Mapping[str, Any]:
        """Each engine: how far it is behind, whether what was there before is read, what it refused."""
        async with tenant.reading() as connection:
            book = ProgressBook(connection, tenant.scope)
            head = await head_of(connection, tenant.scope)
            shown = {row.engine: _face(row, head) | {"refused": await book.failures(row.engine)} for row in await book.all()}
        return {"engines": shown}

    async def reindex(self, tenant: LoggedTenant, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Begin a rebuild; workers do it, and searches are answered all the while."""
        engine = str(arguments.get("engine") or ("opensearch" if self.keeping else "postgres"))
        if engine == "postgres":
            await tenant.commit(Begin("postgres", again=True))
        elif engine == "opensearch" and self.keeping is not None:
            await self.keeping.rebuild(tenant)
        else:
            raise UnknownEngine(f"this cell has no engine {engine[:40]!r}")
        return {"engine": engine, "rebuilding": True}


def _face(row: Progress, head: int) -> dict[str, Any]:
    state = "rebuilding" if row.engine.endswith(NEXT) else "whole" if row.scanned else "reading what was there before"
    return {"state": state, "behind_events": max(0, head - row.seq), "index": row.home, "documents": row.documents}


def _with_log(verb: Callable[[LoggedTenant, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]) -> Command:
    async def command(tenant: Tenant, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        assert isinstance(tenant, LoggedTenant)  # the runtime's own are
        return await verb(tenant, arguments)

    return command
