"""The engine that is always there: a tsvector a message, in the workspace's own tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.search.abundance import Abundance
from cells.chat.search.hits import RANKED_MAX, TOTAL_MAX, Batch, Document, Found, Hit, Order, Question
from cells.chat.search.query import Needle
from cells.chat.search.tsquery import literal, queries_of, query_of, ranking_of, vector_of, workspace_mark
from cells.chat.search.words_repository import WordList
from cells.runtime.tenancy import Prepared, TenantScope

WITHIN_WORDS_MAX = 32
"""Words that a part of a word stands for."""
THREADS_MAX = 1_000
"""Latest messages by which it is told in which threads someone takes part."""
DOMINANT_SHARE = 0.25
"""Of the cell's documents. Questions to a workspace with all of a million take a half to a third of the time without its mark."""


class PostgresEngine:
    name = "postgres"

    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def messages(self, question: Question) -> Found:
        if not question.seen:
            return Found()
        size = await self._size()
        values = await self._values(question, size)
        if values is None:
            return Found()
        channels, threads = await self._company(question.needle)
        values |= {"w": self._workspace, "seen": sorted(question.seen), "channels": channels, "threads": threads}
        if channels is None and await Abundance(self._connection, size.rows).is_sure(values):
            return await self._newest(question, values)
        direction = -1 if question.ascending else 1
        page = {"direction": direction, "most": TOTAL_MAX + 1, "first": question.first, "size": question.size}
        rows = await _FOUND.fetch(self._connection, {**values, **page})
        total = rows[0]["total"]
        return Found(_hits(rows), total) if total <= TOTAL_MAX else await self._newest(question, values)

    async def _newest(self, question: Question, values: dict[str, Any]) -> Found:
        """Of more hits than are counted. By score: the newest RANKED_MAX, and after them the others by time."""
        by_score, last = values["ranked"] is not None, question.first + question.size
        most = max(RANKED_MAX, last) if by_score else last
        direction = -1 if question.ascending and not by_score else 1
        hits = _hits(await _NEWEST.fetch(self._connection, {**values, "direction": direction, "most": most}))
        if by_score:
            best = sorted(hits[:RANKED_MAX], key=lambda hit: (hit.score, hit.ts_us), reverse=not question.ascending)
            hits = (*best, *hits[RANKED_MAX:])
        return Found(hits[question.first : last], TOTAL_MAX)

    async def files(self, question: Question) -> Sequence[Hit]:
        values = await self._values(question, await self._size())
        if values is None:
            return ()
        rows = await _FILES.fetch(self._connection, {**values, "most": TOTAL_MAX})
        hits = [Hit(row["file_id"], row["ts_us"], row["score"]) for row in rows]
        return sorted(hits, key=lambda hit: (hit.score, hit.ts_us, hit.place), reverse=not question.ascending)

    async def store(self, batch: Batch) -> None:
        """Exactly what the batch says; what was stored before under the same keys is replaced."""
        if batch.removed:
            values = {"w": self._workspace, "c": [key[0] for key in batch.removed], "ts": [key[1] for key in batch.removed]}
            await self._connection.execute(_REMOVE, values)
        if batch.stored:
            await self._connection.execute(_STORE, {"w": self._workspace, **self._columns(batch.stored)})

    async def store_files(self, batch: Batch) -> None:
        if batch.removed:
            await self._connection.execute(_REMOVE_FILES, {"w": self._workspace, "f": [key[0] for key in batch.removed]})
        if batch.stored:
            await self._connection.execute(_STORE_FILES, {"w": self._workspace, **self._columns(batch.stored)})

    async def learn(self, words: Sequence[str]) -> None:
        """Words that questions about parts of words shall find."""
        if words:
            await self._connection.execute(_LEARN, {"w": self._workspace, "words": sorted(words)})

    async def clear(self) -> None:
        """Forget every document of the workspace."""
        for statement in _CLEAR:
            await self._connection.execute(statement, {"w": self._workspace})

    async def _values(self, question: Question, size: "_Size") -> dict[str, Any] | None:
        """None where nothing can be found."""
        needle = question.needle
        within = await WordList(self._connection).within(needle, WITHIN_WORDS_MAX)
        dominant = size.share >= DOMINANT_SHARE
        asked = query_of(needle, self._workspace, within, dominant=dominant)
        if asked is None:
            return None
        each = queries_of(needle, self._workspace, within, dominant=dominant)
        ranked = ranking_of(needle) if question.order is Order.SCORE else None
        return {"asked": asked, "each": each, "ranked": ranked, "since": needle.since_us, "until": needle.until_us}

    async def _size(self) -> "_Size":
        [row] = await _SIZE.fetch(self._connection, {"w": self._workspace})
        return _Size(*row)

    async def _company(self, needle: Needle) -> tuple[list[str] | None, list[str] | None]:
        """Conversations and threads in which all of the company is; (None, None) where none was asked for."""
        if not needle.company:
            return None, None
        channels = frozenset.intersection(*(company.channels for company in needle.company))
        threads = [await self._threads_of(company.user_mark) for company in needle.company]
        return sorted(channels), sorted(frozenset.intersection(*threads))

    async def _threads_of(self, user_mark: str) -> frozenset[str]:
        asked = " & ".join(map(literal, (workspace_mark(self._workspace), user_mark, "is:thread")))
        rows = await _THREADS.fetch(self._connection, {"asked": asked, "most": THREADS_MAX})
        return frozenset(f"{row['channel_id']}:{row['thread_us']}" for row in rows)

    def _columns(self, documents: Sequence[Document]) -> dict[str, Any]:
        return {
            "c": [document.place for document in documents],
            "ts": [document.ts_us for document in documents],
            "thread": [document.thread_us for document in documents],
            "words": [vector_of(document, self._workspace) for document in documents],
        }


@dataclass(frozen=True, slots=True)
class _Size:
    """`rows` of the cell's index, as last analysed, and how many of them are the workspace's, as counted when they were indexed."""

    rows: float
    documents: int

    @property
    def share(self) -> float:
        return self.documents / max(self.rows, self.documents) if self.rows > 0 and self.documents else 0.0


def _hits(rows: Sequence[Any]) -> tuple[Hit, ...]:
    return tuple(Hit(row["channel_id"], row["ts_us"], row["score"]) for row in rows if row["channel_id"] is not None)


_ASKED = "CAST(CAST(:asked AS text) AS tsquery)"
_EACH = "CAST(CAST(:each AS text[]) AS tsquery[])"
_RANKED = "CAST(CAST(:ranked AS text) AS tsquery)"
_WINDOW = "CAST(:since AS bigint), CAST(:until AS bigint)"
_SIGHT = "CAST(:seen AS text[]), CAST(:channels AS text[]), CAST(:threads AS text[])"
_FOUND = Prepared(
    text(
        f"SELECT total, channel_id, ts_us, score FROM search_messages_matching({_EACH}, {_WINDOW}, {_SIGHT}, {_RANKED},"  # noqa: S608 - of ours
        " CAST(:direction AS int), CAST(:most AS int), CAST(:first AS int), CAST(:size AS int))"
    )
)
_NEWEST = Prepared(
    text(
        f"SELECT channel_id, ts_us, score FROM search_messages_newest({_ASKED}, {_WINDOW}, {_SIGHT}, {_RANKED},"  # noqa: S608 - of ours
        " CAST(:direction AS int), CAST(:most AS int))"
    )
)
_THREADS = Prepared(
    text(
        f"SELECT channel_id, thread_us FROM search_messages_newest({_ASKED}, 0, 1::bigint << 61,"  # noqa: S608 - of ours
        " ARRAY(SELECT channel_id FROM channels), NULL, NULL, NULL, 1, CAST(:most AS int))"
    )
)
_FILES = Prepared(
    text(f"SELECT file_id, ts_us, score FROM search_files_found({_ASKED}, {_WINDOW}, {_RANKED}, CAST(:most AS int))")  # noqa: S608 - of ours
)
_SIZE = Prepared(
    text(
        "SELECT c.reltuples::float8, coalesce((SELECT p.documents FROM search_progress p WHERE p.workspace_id = :w"
        " AND p.engine = 'postgres'), 0) FROM pg_class c WHERE c.oid = 'search_messages'::regclass"
    )
)
_STORE = text(
    "INSERT INTO search_messages (workspace_id, channel_id, ts_us, thread_us, words)"
    " SELECT :w, r.c, r.ts, r.thread, CAST(r.words AS tsvector)"
    " FROM unnest(CAST(:c AS text[]), CAST(:ts AS bigint[]), CAST(:thread AS bigint[]), CAST(:words AS text[])) AS r(c, ts, thread, words)"
    " ON CONFLICT (workspace_id, channel_id, ts_us) DO UPDATE SET thread_us = excluded.thread_us, words = excluded.words"
    " WHERE search_messages.words <> excluded.words OR search_messages.thread_us <> excluded.thread_us"
)
_REMOVE = text(
    "DELETE FROM search_messages s USING unnest(CAST(:c AS text[]), CAST(:ts AS bigint[])) AS r(c, ts)"
    " WHERE s.workspace_id = :w AND s.channel_id = r.c AND s.ts_us = r.ts"
)
_STORE_FILES = text(
    "INSERT INTO search_files (workspace_id, file_id, ts_us, words) SELECT :w, r.c, r.ts, CAST(r.words AS tsvector)"
    " FROM unnest(CAST(:c AS text[]), CAST(:ts AS bigint[]), CAST(:thread AS bigint[]), CAST(:words AS text[])) AS r(c, ts, thread, words)"
    " ON CONFLICT (workspace_id, file_id) DO UPDATE SET ts_us = excluded.ts_us, words = excluded.words"
)
_REMOVE_FILES = text("DELETE FROM search_files WHERE workspace_id = :w AND file_id = ANY(CAST(:f AS text[]))")
_LEARN = text("INSERT INTO search_words (workspace_id, word) SELECT :w, unnest(CAST(:words AS text[])) ON CONFLICT DO NOTHING")
_CLEAR = tuple(text(f"DELETE FROM {table} WHERE workspace_id = :w") for table in ("search_messages", "search_files", "search_words"))  # noqa: S608 - of ours
