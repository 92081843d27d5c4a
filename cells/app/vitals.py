"""How this process fares, as its heartbeats say it: its requests, and what its database answers and holds back."""

import asyncio

import structlog

from cells.runtime.ingress import Tally
from cells.runtime.tenancy import Database, NotExecuted, Replication, replication
from protos.directory.v1 import directory_pb2

_log = structlog.get_logger("heartbeat")

ANSWER_S_MAX = 0.5
"""How long a heartbeat waits for the database; a slower one is told as not ready, and the heartbeat leaves without it."""


class Vitals:
    def __init__(self, tally: Tally, database: Database) -> None:
        self._tally, self._database = tally, database
        self._asking: asyncio.Task[Replication | None] | None = None
        self._known = Replication(0, 0)

    async def take(self, draining: bool) -> directory_pb2.Vitals:
        """Since the last call. A process that leaves is not ready."""
        answers = await self._database_answers()
        interval = self._tally.take()
        return directory_pb2.Vitals(
            interval_s=interval.length_s,
            requests=interval.requests,
            errors=interval.errors,
            p50_ms=interval.p50_ms,
            p99_ms=interval.p99_ms,
            ready=answers and not draining,
            replication_lag_bytes=self._known.lag_bytes,
            wal_retained_bytes=self._known.retained_bytes,
        )

    @property
    def revision(self) -> str:
        """Of the database's schema, as it last answered; a migration is seen with the next heartbeat."""
        return self._known.revision

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})

    async def _database_answers(self) -> bool:
        """One question at a time: where the last one still waits, it is waited for again."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        done, _ = await asyncio.wait({self._asking}, timeout=ANSWER_S_MAX)
        found = self._asking.result() if done else None
        self._known = found or self._known
        return found is not None

    async def _ask(self) -> Replication | None:
        try:
            return await replication(self._database)
        except NotExecuted:
            return None
        except Exception:  # noqa: BLE001 - whatever is wrong with the database, this process must not fall silent over it
            _log.exception("the database did not say how its replication fares")
            return None
