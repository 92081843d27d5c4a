"""Group commit: what arrives while the last commit is on its way goes into the next one, together.

A workspace has one writer in a process; writers of other processes wait at the row lock. Nobody lingers for company:
alone, a change is committed at once, and batches grow only as fast as commits are slow.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
from prometheus_client import Counter, Histogram
from sqlalchemy.exc import DBAPIError

from cells.runtime.log.events import LoggedEvent
from cells.runtime.log.transaction import Transaction, fence
from cells.runtime.tenancy import CommitUnknown, Database, NotExecuted, Overloaded, TenantScope
from chassis.clock import Clock
from chassis.errors import WaggleError

BATCH_MAX = 256
QUEUE_MAX = 4096
RETRY_AFTER_MS = 250

BATCH_SIZE = Histogram(
    "waggle_group_commit_changes", "Changes in one transaction of the workspace log", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
COMMIT_SECONDS = Histogram(
    "waggle_group_commit_seconds", "Fence to COMMIT", buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5)
)
APPLIED_ALONE = Counter("waggle_group_commit_fallbacks_total", "Batches that failed as one and were applied one by one")

Outcome = Any
"""A change's result, or the exception it ended with. Untyped: a writer carries changes of every kind."""


@dataclass(slots=True)
class Waiting:
    scope: TenantScope
    change: Any
    answer: asyncio.Future[Any]


class Writer:
    """One workspace's queue and the task that empties it; the task ends when there is nothing left."""

    def __init__(self, database: Database, clock: Clock, on_commit: Callable[[Sequence[LoggedEvent]], None]) -> None:
        self._database = database
        self._clock = clock
        self._on_commit = on_commit
        self._queue: deque[Waiting] = deque()
        self._task: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        return self._task is None

    async def commit(self, scope: TenantScope, change: Any) -> Any:
        if len(self._queue) >= QUEUE_MAX:
            raise Overloaded(f"{QUEUE_MAX} changes wait already", retry_after_ms=RETRY_AFTER_MS)
        waiting = Waiting(scope, change, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self._task is None:
            self._task = asyncio.create_task(self._drain())
        return await waiting.answer

    async def settle(self) -> None:
        """Return when everything that was queued has been answered."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def _drain(self) -> None:
        try:
            while self._queue:
                if batch := self._take():
                    await self._commit_all(batch)
        finally:
            self._task = None

    def _take(self) -> list[Waiting]:
        """The next change and, if its kind can be applied together, those of its kind and scope that follow it."""
        batch: list[Waiting] = []
        while self._queue and len(batch) < BATCH_MAX and (not batch or _fits(batch[0], self._queue[0])):
            waiting = self._queue.popleft()
            if not waiting.answer.done():  # its caller gave up before anything was done
                batch.append(waiting)
        return batch

    async def _commit_all(self, batch: list[Waiting]) -> None:
        try:
            outcomes = await self._outcomes(batch)
        except BaseException as error:
            _answer(batch, [error if isinstance(error, Exception) else CommitUnknown("the process is stopping")] * len(batch))
            if not isinstance(error, Exception):
                raise
        else:
            _answer(batch, outcomes)

    async def _outcomes(self, batch: list[Waiting]) -> Sequence[Outcome]:
        try:
            return await self._transact(batch)
        except (NotExecuted, CommitUnknown):
            raise
        except Exception as error:
            if _lost_database(error):
                raise Overloaded("the database went away before COMMIT", retry_after_ms=RETRY_AFTER_MS) from error
            if len(batch) == 1:
                raise
            APPLIED_ALONE.inc()
            return [await self._alone(waiting) for waiting in batch]

    async def _alone(self, waiting: Waiting) -> Outcome:
        try:
            return (await self._outcomes([waiting]))[0]
        except Exception as error:  # noqa: BLE001 - it is this change's answer
            return error

    async def _transact(self, batch: list[Waiting]) -> Sequence[Outcome]:
        scope = batch[0].scope
        BATCH_SIZE.observe(len(batch))
        with COMMIT_SECONDS.time():
            async with self._database.writing(scope) as connection:
                tx = await fence(connection, scope, self._clock)
                outcomes = await _apply(tx, [waiting.change for waiting in batch])
                events = await tx.announce()
        if events:
            self._on_commit(events)
        return outcomes


async def _apply(tx: Transaction, changes: list[Any]) -> Sequence[Outcome]:
    if len(changes) == 1:
        return [await changes[0].apply(tx)]
    outcomes: Sequence[Outcome] = await type(changes[0]).apply_many(tx, changes)
    if len(outcomes) != len(changes):
        raise WaggleError(f"{type(changes[0]).__name__}.apply_many gave {len(outcomes)} outcomes for {len(changes)} changes")
    return outcomes


def _lost_database(error: Exception) -> bool:
    """The connection broke before COMMIT was sent, so PostgreSQL has rolled back."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated
    return isinstance(error, OSError | asyncpg.PostgresConnectionError | asyncpg.InterfaceError | asyncpg.OperatorInterventionError)


def _fits(first: Waiting, following: Waiting) -> bool:
    kind = type(first.change)
    return type(following.change) is kind and hasattr(kind, "apply_many") and following.scope == first.scope


def _answer(batch: list[Waiting], outcomes: Sequence[Outcome]) -> None:
    for waiting, outcome in zip(batch, outcomes, strict=True):
        if waiting.answer.done():
            continue
        if isinstance(outcome, Exception):
            waiting.answer.set_exception(outcome)
        else:
            waiting.answer.set_result(outcome)
