"""Which engines a cell searches with."""

from dataclasses import dataclass

from chassis.settings import setting


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    opensearch_url: str | None = setting(
        "WAGGLE_CELL_OPENSEARCH_URL",
        default=None,
        schemes=("http", "https"),
        help="http(s)://user:password@host:port of OpenSearch; none: PostgreSQL alone",
        secret=True,
    )
    own_index_documents: int = setting(
        "WAGGLE_CELL_SEARCH_OWN_INDEX_DOCUMENTS",
        default=200_000,
        min=1,
        max=1_000_000_000,
        help="from how many messages on a workspace has an index of its own in OpenSearch",
    )
    at_once: int = setting(
        "WAGGLE_CELL_SEARCHES_AT_ONCE",
        default=0,
        min=0,
        max=1_000,
        help="searches that a process answers at once, the others wait their turn; 0: as many as there are processors",
    )
