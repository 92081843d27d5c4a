"""A workspace that has left the cell leaves OpenSearch too, whatever index of the cell it was in."""

from typing import TYPE_CHECKING

from cells.chat.search.opensearch import Cluster
from cells.chat.search.opensearch_index import POOLS, Names
from chassis.identity import WorkspaceId

if TYPE_CHECKING:
    from opensearchpy import AsyncOpenSearch

PART_DOCUMENTS_MAX = 5_000
_ABSENT = {"ignore_unavailable": "true", "allow_no_indices": "true"}


async def purge_part(cluster: Cluster, workspace_id: WorkspaceId) -> int:
    """Take away its alias, one index of its own, or some of its documents in the pools; how many, 0 when none of them is left.

    Raises EngineUnavailable.
    """
    alias = cluster.names.alias(workspace_id)
    await cluster.tell(lambda client: client.indices.delete_alias(index=f"{cluster.names.prefix}-*", name=alias, ignore=[404]))
    own = next(iter(await cluster.tell(lambda client: client.indices.get(index=f"{alias}-*", params=_ABSENT))), None)
    if own is not None:
        await cluster.tell(lambda client: client.indices.delete(index=own, ignore=[404]))
        return 1
    return int(await cluster.tell(lambda client: _delete_pooled(client, cluster.names, workspace_id)))


async def _delete_pooled(client: "AsyncOpenSearch", names: Names, workspace_id: WorkspaceId) -> int:
    """Refreshed first: a query deletes what it finds, and the last second's documents are not found yet."""
    pools = ",".join(names.pool(generation) for generation in range(POOLS))
    await client.indices.refresh(index=pools, params=_ABSENT)
    options = {"routing": workspace_id, "conflicts": "proceed", "max_docs": PART_DOCUMENTS_MAX, **_ABSENT}
    mine = {"query": {"term": {"workspace": workspace_id}}}
    answer = await client.delete_by_query(index=pools, body=mine, params=options)
    return int(answer["deleted"]) + int(answer["version_conflicts"])
