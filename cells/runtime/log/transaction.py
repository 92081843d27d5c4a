"""A transaction under the fence: it holds the workspace's row from its first statement to its COMMIT.

So everything read in it is exact against every other writer of the workspace, and order of commits is order of `seq`.
"""

from collections import deque
from typing import Any, NoReturn

import asyncpg
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.log.events import Event, LoggedEvent
from cells.runtime.tenancy import NotMine, Overloaded, TenantScope, driver_of, refusal_of, tenancy, tenancy_of
from chassis.clock import Clock

LOCK_WAIT_RETRY_MS = 500

_LOCK = "SELECT seq, last_ts_us FROM tenancy WHERE workspace_id = $1 AND epoch = $2 AND state = 'active' FOR NO KEY UPDATE"

_ANNOUNCE = """
WITH fence AS (UPDATE tenancy SET seq = $2, last_ts_us = $3 WHERE workspace_id = $1)
INSERT INTO log (workspace_id, seq, ts_us, kind, audience, payload)
SELECT $1, e.seq, e.ts_us, e.kind, string_to_array(e.audience, ' '), e.payload
FROM unnest($4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[]) AS e (seq, ts_us, kind, audience, payload)
"""

_TICK = "UPDATE tenancy SET last_ts_us = $2 WHERE workspace_id = $1"


class Transaction:
    """Made by the log for one change or one batch; `connection` sees the scope's rows alone."""

    def __init__(self, connection: AsyncConnection, scope: TenantScope, seq: int, last_ts_us: int, clock: Clock) -> None:
        self.connection = connection
        self.scope = scope
        self._seq = seq
        self._last_ts_us = self._stored_ts_us = last_ts_us
        self._clock = clock
        self._drawn_us: deque[int] = deque()
        self._events: list[LoggedEvent] = []

    def next_ts_us(self) -> int:
        """The time of the next thing said here: strictly after every one before it in the workspace, in any process."""
        ts_us = self._tick()
        self._drawn_us.append(ts_us)
        return ts_us

    def append(self, event: Event) -> None:
        """Announce. Times drawn are given to events in order; an event for which none was drawn gets one of its own."""
        self._check(event)
        ts_us = self._drawn_us.popleft() if self._drawn_us else self._tick()
        self._seq += 1
        self._events.append(LoggedEvent(self.scope.workspace_id, self._seq, ts_us, event.kind, event.audience, event.payload))

    async def announce(self) -> list[LoggedEvent]:
        """Write what was appended, and the row's new seq and time, in one statement. For the log alone, last before COMMIT."""
        driver, workspace_id = driver_of(self.connection), self.scope.workspace_id
        if self._events:
            await driver.execute(_ANNOUNCE, workspace_id, self._seq, self._last_ts_us, *_columns(self._events))
        elif self._last_ts_us != self._stored_ts_us:
            await driver.execute(_TICK, workspace_id, self._last_ts_us)
        return self._events

    def _tick(self) -> int:
        self._last_ts_us = max(self._last_ts_us + 1, self._clock.now_us())
        return self._last_ts_us

    @staticmethod
    def _check(event: Event) -> None:
        if not event.audience or not all(group and " " not in group for group in event.audience):
            raise ValueError(f"not an audience: {event.audience!r}")


def _columns(events: list[LoggedEvent]) -> tuple[list[Any], ...]:
    return (
        [event.seq for event in events],
        [event.ts_us for event in events],
        [event.kind for event in events],
        [" ".join(event.audience) for event in events],
        [event.payload for event in events],
    )


async def fence(connection: AsyncConnection, scope: TenantScope, clock: Clock) -> Transaction:
    """Lock the workspace's row, or raise the NotExecuted that says why this process may not write it."""
    try:
        found = await driver_of(connection).fetchrow(_LOCK, scope.workspace_id, scope.epoch)
    except asyncpg.LockNotAvailableError as error:
        raise Overloaded("the workspace's row stayed locked", retry_after_ms=LOCK_WAIT_RETRY_MS) from error
    if found is None:
        await _refuse(connection, scope)
    return Transaction(connection, scope, found["seq"], found["last_ts_us"], clock)


async def _refuse(connection: AsyncConnection, scope: TenantScope) -> NoReturn:
    row = (await connection.execute(select(tenancy).where(tenancy.c.workspace_id == scope.workspace_id))).one_or_none()
    if row is None:
        raise NotMine(scope.workspace_id)
    refusal = refusal_of(tenancy_of(row), scope.epoch)
    # It was not active a moment ago and is now: it may be asked for again.
    raise refusal or Overloaded("the workspace has just opened", retry_after_ms=1)
