"""Indexes, aliases and documents of OpenSearch: what they are called and how they are laid out.

A workspace is always asked by its alias. Small ones share an index, each behind a filter and on one shard (routing); a big one
has an index of its own. A rebuild fills another index and ends in one change of the alias.
"""

from dataclasses import dataclass
from typing import Any

from cells.chat.search.hits import Document
from cells.chat.search.words import TERM_LENGTH_MAX

POOLS = 2
"""Shared indexes: a rebuild goes from one to the other."""
RESULT_WINDOW = 10_000
_KEYWORD = {"type": "keyword"}

LAYOUT: dict[str, Any] = {
    "settings": {
        "number_of_shards": 1,
        "number_of_replicas": 0,
        "refresh_interval": "1s",
        "max_result_window": RESULT_WINDOW,
    },
    "mappings": {
        "dynamic": "strict",
        "_source": {"enabled": False},
        "_routing": {"required": True},
        "properties": {
            "workspace": _KEYWORD,
            "kind": _KEYWORD,
            "place": _KEYWORD,
            "thread": _KEYWORD,
            "ts": {"type": "long"},
            "at": {"type": "date", "format": "epoch_millis"},
            "words": {"type": "text", "analyzer": "whitespace"},
            "marks": _KEYWORD,
        },
    },
}
"""Texts come as terms that are folded already: OpenSearch only splits them at the spaces."""


@dataclass(frozen=True, slots=True)
class Names:
    """`prefix` is the cell's: no two cells share an index, even on one cluster. Lower case, as OpenSearch wants it."""

    prefix: str

    def alias(self, workspace_id: str) -> str:
        return f"{self.prefix}-{workspace_id.lower()}"

    def pool(self, generation: int) -> str:
        return f"{self.prefix}-pool-{generation % POOLS}"

    def own(self, workspace_id: str, generation: int) -> str:
        return f"{self.prefix}-{workspace_id.lower()}-{generation}"

    def is_own(self, index: str, workspace_id: str) -> bool:
        return index.startswith(f"{self.alias(workspace_id)}-")


def alias_action(names: Names, workspace_id: str, index: str) -> dict[str, Any]:
    """The alias shows this workspace alone and looks at its shard alone."""
    only = {"term": {"workspace": workspace_id}}
    return {"add": {"index": index, "alias": names.alias(workspace_id), "filter": only, "routing": workspace_id}}


def document_id(workspace_id: str, kind: str, key: tuple[str, int]) -> str:
    """Says all that a hit needs, so that nothing has to be stored beside it."""
    return f"{workspace_id}:{kind}:{key[0]}:{key[1] if kind == 'message' else 0}"


def body_of(document: Document, workspace_id: str, kind: str) -> dict[str, Any]:
    return {
        "workspace": workspace_id,
        "kind": kind,
        "place": document.place,
        "thread": f"{document.place}:{document.thread_us}",
        "ts": document.ts_us,
        "at": document.ts_us // 1000,
        "words": " ".join(term[:TERM_LENGTH_MAX] for term in document.terms),
        "marks": sorted(document.marks),
    }
