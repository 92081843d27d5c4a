"""OpenSearch's storing side: pages of documents, aliases, rebuilding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from cells.chat.search.hits import Batch, EngineUnavailable
from cells.chat.search.opensearch import Cluster
from cells.chat.search.opensearch_index import LAYOUT, alias_action, body_of, document_id
from chassis.identity import WorkspaceId

_encode = msgspec.json.Encoder().encode
_MALFORMED = 400
_CONFLICT, _NOT_FOUND = 409, 404
KINDS = ("message", "file")


@dataclass(frozen=True, slots=True)
class Shelf:
    """A workspace's documents in one index."""

    cluster: Cluster
    workspace_id: WorkspaceId
    index: str

    async def make(self) -> None:
        """The index, if it is not there yet."""
        if await self.cluster.tell(lambda client: client.indices.exists(index=self.index)):
            return
        try:
            await self.cluster.tell(lambda client: client.indices.create(index=self.index, body=LAYOUT))
        except EngineUnavailable as error:
            if "resource_already_exists" not in str(error):  # another process was quicker
                raise

    async def put(self, messages: Batch, files: Batch) -> dict[str, str]:
        """Store and remove. What was told of a later state already stays; returns what is refused for good, and why.

        Raises EngineUnavailable where any of it should be told again.
        """
        lines = [line for kind, batch in zip(KINDS, (messages, files), strict=True) for line in self._lines(kind, batch)]
        if not lines:
            return {}
        body = b"\n".join((*lines, b"")).decode()
        answer = await self.cluster.tell(lambda client: client.bulk(body=body, index=self.index))
        return _refused(answer["items"]) if answer["errors"] else {}

    async def show(self) -> list[str]:
        """From now on the workspace is asked here; returns the indexes where it was before."""
        names = self.cluster.names
        alias = names.alias(self.workspace_id)
        before = [index for index in await self._homes(alias) if index != self.index]
        actions = [alias_action(names, self.workspace_id, self.index)]
        actions += [{"remove": {"index": index, "alias": alias}} for index in before]
        await self.cluster.tell(lambda client: client.indices.update_aliases(body={"actions": actions}))
        return before

    async def is_shown(self) -> bool:
        return self.index in await self._homes(self.cluster.names.alias(self.workspace_id))

    async def refresh(self) -> None:
        """Let what was stored be found at once."""
        await self.cluster.tell(lambda client: client.indices.refresh(index=self.index, ignore=[404]))

    async def drop(self) -> None:
        """Forget the workspace here: the index if it is its own, else its documents, the last second's, too."""
        if self.cluster.names.is_own(self.index, self.workspace_id):
            await self.cluster.tell(lambda client: client.indices.delete(index=self.index, ignore=[404]))
            return
        await self.refresh()
        mine = {"query": {"term": {"workspace": self.workspace_id}}}
        options = {"routing": self.workspace_id, "conflicts": "proceed", "refresh": "true", "ignore": [404]}
        await self.cluster.tell(lambda client: client.delete_by_query(index=self.index, body=mine, params=options))

    async def _homes(self, alias: str) -> list[str]:
        found: dict[str, Any] = await self.cluster.tell(lambda client: client.indices.get_alias(name=alias, ignore=[404]))
        return [index for index, facts in found.items() if isinstance(facts, dict) and alias in facts.get("aliases", {})]

    def _lines(self, kind: str, batch: Batch) -> Iterator[bytes]:
        for document in batch.stored:
            yield _encode({"index": self._target(kind, document.key, document.version)})
            yield _encode(body_of(document, self.workspace_id, kind))
        for key in batch.removed:
            yield _encode({"delete": self._target(kind, key, batch.version)})

    def _target(self, kind: str, key: tuple[str, int], version: int) -> dict[str, Any]:
        """The version is a place in the log: an older state never takes a newer one's place, whoever tells it how late."""
        versioned = {"version": version, "version_type": "external_gte"}
        return {"_id": document_id(self.workspace_id, kind, key), "routing": self.workspace_id, **versioned}


def _refused(items: Sequence[dict[str, Any]]) -> dict[str, str]:
    refused: dict[str, str] = {}
    for item in items:
        [told] = item.values()
        status = told.get("status", 200)
        if status == _MALFORMED:
            refused[str(told.get("_id"))] = str(told.get("error"))[:500]
        elif status > _MALFORMED and status not in (_CONFLICT, _NOT_FOUND):  # busy, full, blocked: later it will take it
            raise EngineUnavailable(f"it takes nothing now ({status}): {told.get('error')}"[:300])
    return refused
