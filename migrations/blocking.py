"""Who holds what a migration waits for: looked up while it waits, since afterwards nobody knows."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

LOOK_EVERY_S = 0.1
CONNECT_TIMEOUT_S = 5.0
BLOCKERS_MAX = 5
QUERY_CHARACTERS_MAX = 300

_BLOCKERS = f"""
SELECT pid, coalesce(application_name, '') AS application, left(regexp_replace(query, '\\s+', ' ', 'g'), {QUERY_CHARACTERS_MAX}) AS query
FROM pg_stat_activity WHERE pid = ANY(pg_blocking_pids($1)) ORDER BY xact_start LIMIT {BLOCKERS_MAX}
"""  # noqa: S608 - our own numbers


@dataclass(frozen=True, slots=True)
class Blocker:
    """A session; `query`: what it does, or did last."""

    pid: int
    application: str
    query: str


@dataclass
class Waiting:
    """Those that the migration last waited for."""

    blockers: tuple[Blocker, ...] = field(default=())


@asynccontextmanager
async def watching(url: str, pid: int) -> AsyncIterator[Waiting]:
    """Look every 0.1 s, over a connection of its own, for who blocks the session `pid`. A database that has none left is not watched."""
    seen = Waiting()
    task = asyncio.create_task(_watch(url, pid, seen))
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _watch(url: str, pid: int, seen: Waiting) -> None:
    with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection: Any = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
        try:
            while True:
                if found := await connection.fetch(_BLOCKERS, pid):
                    seen.blockers = tuple(Blocker(**dict(row)) for row in found)
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            connection.terminate()
