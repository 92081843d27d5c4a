"""Which engines answer for a workspace."""

from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.searching.opensearch_sink import engine_of
from cells.chat.domain.searching.progress_repository import ProgressBook
from cells.chat.domain.searching.turns import Turns
from cells.chat.search.engines import Engines
from cells.chat.search.opensearch import Cluster, OpenSearchEngine
from cells.chat.search.postgres_repository import PostgresEngine
from cells.chat.search.words_repository import WordList
from cells.runtime.tenancy import TenantScope

LAG_EVENTS_MAX = 1_000
"""Events that an index may be behind and still be asked; further behind, the tables know more."""


class PostgresAlone:
    """For cells that have no other."""

    def __init__(self, turns: Turns | None = None) -> None:
        self.turns = turns or Turns()

    async def engines(self, connection: AsyncConnection, scope: TenantScope) -> Engines:
        return Engines((PostgresEngine(connection, scope),))


class WithOpenSearch:
    """OpenSearch where its index is whole and up to date, and while it answers; PostgreSQL always."""

    def __init__(self, cluster: Cluster, turns: Turns | None = None) -> None:
        self._cluster, self.turns = cluster, turns or Turns()

    async def engines(self, connection: AsyncConnection, scope: TenantScope) -> Engines:
        postgres = PostgresEngine(connection, scope)
        behind = await ProgressBook(connection, scope).behind()
        knowing = {engine for engine, events in behind.items() if events <= LAG_EVENTS_MAX}
        if engine_of(self._cluster) not in knowing:
            return Engines((postgres,))
        words = WordList(connection) if postgres.name in knowing else None
        return Engines((OpenSearchEngine(self._cluster, scope.workspace_id, words), postgres))
