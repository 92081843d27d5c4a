"""What is still to be done: objects to remove from the store, files to look into, texts found."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.files.file import FileId, Job
from cells.runtime.tenancy import TenantScope


@dataclass(frozen=True, slots=True)
class Owed:
    file_id: FileId
    job: Job
    attempts: int


class Doomed:
    """Objects that go at their time, unless they are saved before. A key is doomed before its first byte is written, so whatever
    a crash leaves in the store is known here."""

    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def insert(self, keys: Collection[str], due_us: int) -> None:
        if keys:
            values = {"w": self._workspace, "keys": list(keys), "due": due_us}
            await self._connection.execute(_DOOM, values)

    async def remove(self, keys: Collection[str]) -> None:
        if keys:
            await self._connection.execute(_SAVE, {"w": self._workspace, "keys": list(keys)})

    async def due(self, now_us: int, limit: int) -> list[str]:
        rows = await self._connection.execute(_DUE, {"w": self._workspace, "now": now_us, "n": limit})
        return [row.object_key for row in rows]


class Jobs:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def insert(self, file_id: str, job: Job, due_us: int) -> None:
        await self._connection.execute(_OWE, {"w": self._workspace, "f": file_id, "k": str(job), "due": due_us})

    async def next(self, now_us: int) -> Owed | None:
        row = (await self._connection.execute(_NEXT, {"w": self._workspace, "now": now_us})).one_or_none()
        return Owed(FileId(row.file_id), Job(row.kind), row.attempts) if row else None

    async def change_due(self, owed: Owed, due_us: int, attempts: int) -> None:
        values = {"w": self._workspace, "f": owed.file_id, "k": str(owed.job), "due": due_us, "a": attempts}
        await self._connection.execute(_LATER, values)

    async def remove(self, file_id: str, job: Job | None = None) -> bool:
        """Whether it was owed; all of the file's where none is named."""
        found = await self._connection.execute(_PAID, {"w": self._workspace, "f": file_id, "k": str(job or "")})
        return found.rowcount > 0

    async def put_text(self, file_id: str, found: str) -> None:
        await self._connection.execute(_TEXT, {"w": self._workspace, "f": file_id, "t": found})

    async def remove_text(self, file_id: str) -> None:
        await self._connection.execute(_NO_TEXT, {"w": self._workspace, "f": file_id})

    async def text_of(self, file_id: str) -> str:
        """Empty where none was found."""
        found = await self._connection.execute(_READ_TEXT, {"w": self._workspace, "f": file_id})
        return found.scalar_one_or_none() or ""


_DOOM = text(
    "INSERT INTO doomed_objects (workspace_id, object_key, due_us) SELECT :w, k, :due FROM unnest(CAST(:keys AS text[])) AS k"
    " ON CONFLICT (workspace_id, object_key) DO UPDATE SET due_us = excluded.due_us"
)
_SAVE = text("DELETE FROM doomed_objects WHERE workspace_id = :w AND object_key = ANY(CAST(:keys AS text[]))")
_DUE = text("SELECT object_key FROM doomed_objects WHERE workspace_id = :w AND due_us <= :now ORDER BY due_us LIMIT :n")
_OWE = text("INSERT INTO file_jobs (workspace_id, file_id, kind, attempts, due_us) VALUES (:w, :f, :k, 0, :due) ON CONFLICT DO NOTHING")
_NEXT = text(
    "SELECT file_id, kind, attempts FROM file_jobs WHERE workspace_id = :w AND due_us <= :now ORDER BY due_us, file_id, kind LIMIT 1"
)
_LATER = text("UPDATE file_jobs SET due_us = :due, attempts = :a WHERE workspace_id = :w AND file_id = :f AND kind = :k")
_PAID = text("DELETE FROM file_jobs WHERE workspace_id = :w AND file_id = :f AND (:k = '' OR kind = :k)")
_TEXT = text(
    "INSERT INTO file_texts (workspace_id, file_id, text) VALUES (:w, :f, :t)"
    " ON CONFLICT (workspace_id, file_id) DO UPDATE SET text = excluded.text"
)
_NO_TEXT = text("DELETE FROM file_texts WHERE workspace_id = :w AND file_id = :f")
_READ_TEXT = text("SELECT text FROM file_texts WHERE workspace_id = :w AND file_id = :f")
