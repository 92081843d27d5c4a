"""Search in tests: engines kept in step by hand, so that a test knows when what was said can be found."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from cells.chat.domain.searching.indexing import Indexing
from cells.chat.domain.searching.library import WithOpenSearch
from cells.chat.domain.searching.opensearch_sink import Keeping
from cells.chat.domain.searching.postgres_sink import PostgresSink
from cells.chat.search.opensearch import Cluster
from cells.chat.search.opensearch_index import Names
from cells.chat.slack import search
from cells.chat.slack.bearers import Bearers
from cells.chat.slack.dispatch import Dispatch
from cells.chat.slack.registry import registry_of
from chassis.clock import Clock, SystemClock
from tests.harness.chat import ChatClient, Workspace


async def index(workspace: Workspace) -> None:
    """What was said in the workspace can be found by PostgreSQL."""
    await Indexing(PostgresSink()).catch_up(workspace.tenant)


async def found(client: ChatClient, query: str, **more: Any) -> list[str]:
    """The texts of the matches, in order."""
    reply = await client.call("search.messages", query=query, **more)
    assert reply["ok"], reply
    return [match["text"] for match in reply["messages"]["matches"]]


@dataclass
class Shelves:
    """OpenSearch beside PostgreSQL for a workspace."""

    cluster: Cluster
    keeping: Keeping
    clock: Clock
    workspace: Workspace
    opened: bool = field(default=False)

    @property
    def app(self) -> Dispatch:
        """Serves search alone, from both engines."""
        return Dispatch(registry_of(search.methods(WithOpenSearch(self.cluster))), Bearers(self.clock), self.clock)

    def client(self, of: ChatClient) -> ChatClient:
        return ChatClient(self.app, self.workspace.tenant, of.token, of.user_id)

    async def index(self) -> None:
        """Both engines know all that was said; OpenSearch has made it visible."""
        await index(self.workspace)
        if not self.opened:
            await self.keeping.open(self.workspace.tenant)
            self.opened = True
        while await self.keeping.step(self.workspace.tenant):
            pass
        await self.cluster.tell(lambda client: client.indices.refresh(index=f"{self.cluster.names.prefix}-*"))

    async def indexes(self) -> Sequence[str]:
        """Where the workspace's alias points."""
        alias = self.cluster.names.alias(self.workspace.scope.workspace_id)
        found = await self.cluster.tell(lambda client: client.indices.get_alias(name=alias))
        return sorted(found)


@asynccontextmanager
async def shelves(
    workspace: Workspace, url: str, prefix: str, clock: Clock | None = None, own_index_documents: int = 100_000
) -> AsyncIterator[Shelves]:
    clock = clock or SystemClock()
    cluster = Cluster(url, Names(prefix), clock)
    try:
        yield Shelves(cluster, Keeping(cluster, own_index_documents), clock, workspace)
    finally:
        await cluster.close()
