"""The workspace log: the one way to change a workspace, and the one thing that everything else is derived from."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import TypeVar

import structlog
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from cells.runtime.bus import Bus
from cells.runtime.log.announcements import encode, hear, topic_of
from cells.runtime.log.changes import Change
from cells.runtime.log.events import LoggedEvent
from cells.runtime.log.feed import Feed
from cells.runtime.log.tables import log
from cells.runtime.log.writer import Writer
from cells.runtime.tenancy import Database, NotExecuted, TenantScope, tenancy
from chassis.clock import Clock
from chassis.identity import WorkspaceId

R = TypeVar("R")
PAGE_MAX = 1000
POLL_S = 0.5
RETRY_S = 0.25


class WorkspaceLog:
    def __init__(self, database: Database, bus: Bus | None, clock: Clock) -> None:
        self._database = database
        self._bus = bus
        self._clock = clock
        self._writers: dict[WorkspaceId, Writer] = {}
        self._feeds: dict[WorkspaceId, Feed] = {}
        self._poll: asyncio.Task[None] | None = None
        self._notes = structlog.get_logger("log")
        self.appended = 0
        """Events this process has committed since its start."""

    async def commit(self, scope: TenantScope, change: Change[R]) -> R:
        """Apply a change under the fence, in one transaction with the events it appends; returns after COMMIT.

        Raises what the change raises (nothing is stored then), NotExecuted (nothing was done), or CommitUnknown.
        """
        writer = self._writers.get(scope.workspace_id)
        if writer is None:
            writer = self._writers[scope.workspace_id] = Writer(self._database, self._clock, self._on_commit)
        try:
            return await writer.commit(scope, change)  # type: ignore[no-any-return]
        finally:
            if writer.idle and self._writers.get(scope.workspace_id) is writer:
                del self._writers[scope.workspace_id]

    async def read(self, scope: TenantScope, after_seq: int, limit: int = PAGE_MAX, *, from_ts_us: int = 0) -> list[LoggedEvent]:
        """Committed events with seq > after_seq, in order, at most `limit` (1,000).

        `from_ts_us`: a time not after that of the first event wanted; it spares looking into older partitions.
        """
        wanted = (log.c.workspace_id == scope.workspace_id) & (log.c.seq > after_seq) & (log.c.ts_us >= from_ts_us)
        async with self._database.reading(scope) as connection:
            rows = await connection.execute(select(log).where(wanted).order_by(log.c.seq).limit(min(limit, PAGE_MAX)))
            return [LoggedEvent(scope.workspace_id, row.seq, row.ts_us, row.kind, tuple(row.audience), row.payload) for row in rows]

    async def head(self, scope: TenantScope) -> int:
        """The seq of the last committed event; 0 for an empty log or a workspace that is not here."""
        async with self._database.reading(scope) as connection:
            found = await connection.execute(select(tenancy.c.seq).where(tenancy.c.workspace_id == scope.workspace_id))
            return found.scalar_one_or_none() or 0

    async def follow(self, workspace_id: WorkspaceId, after_seq: int) -> AsyncGenerator[LoggedEvent, None]:
        """Every event after `after_seq`, in order and without gaps, for as long as it is asked for.

        Woken by this process's commits, by the bus, and by a look at the database every 500 ms. While the database is away it waits.
        """
        scope = TenantScope(workspace_id, 0)
        feed = self._join(workspace_id)
        seq, ts_us = after_seq, 0
        try:
            while True:
                for event in feed.after(seq) or await self._read_on(scope, feed, seq, ts_us):
                    seq, ts_us = event.seq, event.ts_us
                    yield event
                await feed.beyond(seq)
        finally:
            self._leave(workspace_id, feed)

    async def beyond(self, workspace_id: WorkspaceId, seq: int) -> None:
        """Return once the log is known to reach past `seq`; noticed as soon as `follow` would."""
        feed = self._join(workspace_id)
        try:
            await feed.beyond(seq)
        finally:
            self._leave(workspace_id, feed)

    async def settle(self) -> None:
        """Return when every change that was taken has been answered; for a process that stops taking more."""
        for writer in list(self._writers.values()):
            await writer.settle()

    async def close(self) -> None:
        if self._poll is not None:
            self._poll.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._poll
            self._poll = None

    async def _read_on(self, scope: TenantScope, feed: Feed, seq: int, ts_us: int) -> list[LoggedEvent]:
        """What the log holds; never called again at once when it holds nothing though it should (rows purged)."""
        events = await self._read_when_back(scope, seq, ts_us)
        if events:
            feed.hear(events[-1].seq)
        elif feed.head > seq:
            await asyncio.sleep(RETRY_S)
        return events

    async def _read_when_back(self, scope: TenantScope, seq: int, ts_us: int) -> list[LoggedEvent]:
        while True:
            try:
                return await self.read(scope, seq, from_ts_us=ts_us)
            except (NotExecuted, DBAPIError) as error:
                self._notes.warning("log not read; trying again", workspace_id=scope.workspace_id, error=str(error))
                await asyncio.sleep(RETRY_S)

    def _on_commit(self, events: Sequence[LoggedEvent]) -> None:
        self.appended += len(events)
        feed = self._feeds.get(events[0].workspace_id)
        if feed is not None:
            feed.offer(events)
        if self._bus is not None:
            self._bus.publish(topic_of(events[0].workspace_id), encode(events))

    def _join(self, workspace_id: WorkspaceId) -> Feed:
        feed = self._feeds.get(workspace_id)
        if feed is None:
            feed = self._feeds[workspace_id] = Feed()
            if self._bus is not None:
                self._bus.subscribe(topic_of(workspace_id), partial(hear, feed))
        feed.followers += 1
        if self._poll is None:
            self._poll = asyncio.create_task(self._poll_heads())
        return feed

    def _leave(self, workspace_id: WorkspaceId, feed: Feed) -> None:
        feed.followers -= 1
        if feed.followers == 0:
            del self._feeds[workspace_id]
            if self._bus is not None:
                self._bus.unsubscribe(topic_of(workspace_id))

    async def _poll_heads(self) -> None:
        while self._feeds:
            await asyncio.sleep(POLL_S)
            try:
                await self._hear_heads()
            except Exception as error:  # noqa: BLE001 - followers must go on when the database is back
                self._notes.warning("log heads not read", error=str(error))
        self._poll = None

    async def _hear_heads(self) -> None:
        followed = list(self._feeds)
        async with self._database.census() as connection:
            rows = await connection.execute(select(tenancy.c.workspace_id, tenancy.c.seq).where(tenancy.c.workspace_id.in_(followed)))
        for workspace_id, seq in rows:
            if feed := self._feeds.get(workspace_id):
                feed.hear(seq)
