from collections.abc import Sequence

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.imports.standing import Import, Mapping, Note, Place
from cells.runtime.tenancy import TenantScope

NOTES_PAGE_MAX = 1_000


class Imports:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def get(self, import_id: str) -> Import | None:
        row = (await self._connection.execute(_GET, {"w": self._workspace, "id": import_id})).one_or_none()
        if row is None:
            return None
        counts, mapping = msgspec.json.decode(row.counts, type=dict[str, int]), msgspec.json.decode(row.mapping, type=Mapping)
        times = (row.started_us, row.updated_us, row.finished_us)
        return Import(import_id, row.name, Place(row.entry, row.line), counts, mapping, row.notes, *times)

    async def insert(self, made: Import) -> None:
        await self._connection.execute(_INSERT, self._values(made))

    async def change(self, standing: Import, *, remapped: bool) -> None:
        """The mapping, which may be large, is written only where something of it is new."""
        await self._connection.execute(_REMAP if remapped else _CHANGE, self._values(standing))

    async def add_notes(self, import_id: str, after: int, notes: Sequence[Note]) -> None:
        """Numbered from `after` + 1 on."""
        values = {
            "w": self._workspace,
            "id": import_id,
            "n": list(range(after + 1, after + 1 + len(notes))),
            "kind": [note.kind for note in notes],
            "what": [note.what for note in notes],
            "why": [note.why for note in notes],
        }
        await self._connection.execute(_ADD_NOTES, values)

    async def notes(self, import_id: str, after: int) -> list[Note]:
        """In the order of their numbers, at most 1,000."""
        rows = await self._connection.execute(_NOTES, {"w": self._workspace, "id": import_id, "after": after, "n": NOTES_PAGE_MAX})
        return [Note(*row) for row in rows]

    def _values(self, standing: Import) -> dict[str, object]:
        return {
            "w": self._workspace,
            "id": standing.import_id,
            "name": standing.name,
            "counts": msgspec.json.encode(standing.counts).decode(),
            "mapping": msgspec.json.encode(standing.mapping).decode(),
            "entry": standing.place.entry,
            "line": standing.place.line,
            "notes": standing.notes,
            "started": standing.started_us,
            "updated": standing.updated_us,
            "finished": standing.finished_us,
        }


_GET = text(
    "SELECT name, counts, mapping, entry, line, notes, started_us, updated_us, finished_us FROM imports"
    " WHERE workspace_id = :w AND import_id = :id"
)
_INSERT = text(
    "INSERT INTO imports (workspace_id, import_id, name, counts, mapping, entry, line, notes, started_us, updated_us, finished_us)"
    " VALUES (:w, :id, :name, :counts, :mapping, :entry, :line, :notes, :started, :updated, :finished)"
)
_SET = (
    "UPDATE imports SET counts = :counts, entry = :entry, line = :line, notes = :notes, updated_us = :updated, finished_us = :finished%s"
    " WHERE workspace_id = :w AND import_id = :id"
)
_CHANGE = text(_SET % "")
_REMAP = text(_SET % ", mapping = :mapping")
_ADD_NOTES = text(
    "INSERT INTO import_notes (workspace_id, import_id, number, kind, what, why) SELECT :w, :id, r.* FROM"
    " unnest(CAST(:n AS bigint[]), CAST(:kind AS text[]), CAST(:what AS text[]), CAST(:why AS text[])) AS r"
)
_NOTES = text(
    "SELECT kind, what, why FROM import_notes WHERE workspace_id = :w AND import_id = :id AND number > :after ORDER BY number LIMIT :n"
)
