from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.tenancy import Prepared, TenantScope


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an engine knows a workspace: the log up to `seq`, and of what was there before all up to `after_*`."""

    engine: str
    seq: int
    after_channel: str = ""
    after_us: int = -1
    scanned: bool = False
    """What was there before is known whole."""
    generation: int = 0
    """Rises with every rebuild."""
    documents: int = 0
    home: str = ""
    """The index that is filled, where the engine has several."""


class ProgressBook:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def get(self, engine: str) -> Progress | None:
        row = (await self._connection.execute(_GET, {"w": self._workspace, "e": engine})).one_or_none()
        return Progress(*row) if row else None

    async def behind(self) -> dict[str, int]:
        """By engine, the events of the log that it does not know; of those that know all that was there before."""
        rows = await _BEHIND.fetch(self._connection, {"w": self._workspace})
        return {row["engine"]: row["behind"] for row in rows}

    async def all(self) -> list[Progress]:
        return [Progress(*row) for row in await self._connection.execute(_ALL, {"w": self._workspace})]

    async def put(self, progress: Progress) -> None:
        values = {
            "e": progress.engine,
            "seq": progress.seq,
            "c": progress.after_channel,
            "ts": progress.after_us,
            "s": progress.scanned,
            "g": progress.generation,
            "n": progress.documents,
            "h": progress.home,
        }
        await self._connection.execute(_PUT, {"w": self._workspace, **values})

    async def remove(self, engine: str) -> None:
        await self._connection.execute(_REMOVE, {"w": self._workspace, "e": engine})

    async def fail(self, engine: str, document: str, reason: str, now_us: int) -> None:
        """Keep a dead letter; the last reason counts."""
        await self._connection.execute(_FAIL, {"w": self._workspace, "e": engine, "d": document, "r": reason[:1000], "at": now_us})

    async def forgive(self, engine: str, documents: list[str]) -> None:
        await self._connection.execute(_FORGIVE, {"w": self._workspace, "e": engine, "d": documents})

    async def failures(self, engine: str) -> int:
        return int((await self._connection.execute(_FAILURES, {"w": self._workspace, "e": engine})).scalar_one())


_COLUMNS = "engine, seq, after_channel, after_us, scanned, generation, documents, home"
_ALL = text(f"SELECT {_COLUMNS} FROM search_progress WHERE workspace_id = :w ORDER BY engine")  # noqa: S608 - columns of ours
_GET = text(f"SELECT {_COLUMNS} FROM search_progress WHERE workspace_id = :w AND engine = :e")  # noqa: S608 - columns of ours
_BEHIND = Prepared(
    text(
        "SELECT p.engine, t.seq - p.seq AS behind FROM search_progress p JOIN tenancy t ON t.workspace_id = :w"
        " WHERE p.workspace_id = :w AND p.scanned"
    )
)
_PUT = text(
    f"INSERT INTO search_progress (workspace_id, {_COLUMNS}) VALUES (:w, :e, :seq, :c, :ts, :s, :g, :n, :h)"  # noqa: S608 - columns of ours
    " ON CONFLICT (workspace_id, engine) DO UPDATE SET seq = excluded.seq, after_channel = excluded.after_channel,"
    " after_us = excluded.after_us, scanned = excluded.scanned, generation = excluded.generation, documents = excluded.documents,"
    " home = excluded.home"
)
_REMOVE = text("DELETE FROM search_progress WHERE workspace_id = :w AND engine = :e")
_FAIL = text(
    "INSERT INTO search_failures (workspace_id, engine, document, reason, failed_us) VALUES (:w, :e, :d, :r, :at)"
    " ON CONFLICT (workspace_id, engine, document) DO UPDATE SET reason = excluded.reason, failed_us = excluded.failed_us"
)
_FORGIVE = text("DELETE FROM search_failures WHERE workspace_id = :w AND engine = :e AND document = ANY(CAST(:d AS text[]))")
_FAILURES = text("SELECT count(*) FROM search_failures WHERE workspace_id = :w AND engine = :e")
