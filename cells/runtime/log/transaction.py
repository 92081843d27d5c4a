"""A transaction under the fence: it holds the workspace's row from its first statement to its COMMIT.

So everything read in it is exact against every other writer of the workspace, and order of commits is order of `seq`.
"""

from collections import deque
from typing import Any, NoReturn

from sqlalchemy import ARRAY, BigInteger, Text, TextClause, bindparam, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.log.events import Event, LoggedEvent
from cells.runtime.tenancy import NotMine, Overloaded, TenantScope, refusal_of, tenancy, tenancy_of
from chassis.clock import Clock

LOCK_WAIT_RETRY_MS = 500
_LOCK_NOT_AVAILABLE = "55P03"

_LOCK = text(
    "SELECT seq, last_ts_us FROM tenancy WHERE workspace_id = :workspace_id AND epoch = :epoch AND state = 'active' FOR NO KEY UPDATE"
)

_ANNOUNCE: TextClause = text(
    "WITH fence AS (UPDATE tenancy SET seq = :seq, last_ts_us = :last_ts_us WHERE workspace_id = :workspace_id)"
    " INSERT INTO log (workspace_id, seq, ts_us, kind, audience, payload)"
    " SELECT :workspace_id, e.seq, e.ts_us, e.kind, string_to_array(e.audience, ' '), e.payload"
    " FROM unnest(:seqs, :times, :kinds, :audiences, :payloads) AS e (seq, ts_us, kind, audience, payload)"
).bindparams(
    bindparam("workspace_id", type_=Text),
    bindparam("seq", type_=BigInteger),
    bindparam("last_ts_us", type_=BigInteger),
    bindparam("seqs", type_=ARRAY(BigInteger)),
    bindparam("times", type_=ARRAY(BigInteger)),
    bindparam("kinds", type_=ARRAY(Text)),
    bindparam("audiences", type_=ARRAY(Text)),
    bindparam("payloads", type_=ARRAY(Text)),
)

_TICK = text("UPDATE tenancy SET last_ts_us = :last_ts_us WHERE workspace_id = :workspace_id")


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
        if self._events:
            await self.connection.execute(_ANNOUNCE, self._announcement())
        elif self._last_ts_us != self._stored_ts_us:
            await self.connection.execute(_TICK, {"last_ts_us": self._last_ts_us, "workspace_id": self.scope.workspace_id})
        return self._events

    def _announcement(self) -> dict[str, Any]:
        events = self._events
        return {
            "workspace_id": self.scope.workspace_id,
            "seq": self._seq,
            "last_ts_us": self._last_ts_us,
            "seqs": [event.seq for event in events],
            "times": [event.ts_us for event in events],
            "kinds": [event.kind for event in events],
            "audiences": [" ".join(event.audience) for event in events],
            "payloads": [event.payload for event in events],
        }

    def _tick(self) -> int:
        self._last_ts_us = max(self._last_ts_us + 1, self._clock.now_us())
        return self._last_ts_us

    @staticmethod
    def _check(event: Event) -> None:
        if not event.audience or not all(group and " " not in group for group in event.audience):
            raise ValueError(f"not an audience: {event.audience!r}")


async def fence(connection: AsyncConnection, scope: TenantScope, clock: Clock) -> Transaction:
    """Lock the workspace's row, or raise the NotExecuted that says why this process may not write it."""
    found = (await _locked(connection, scope)).one_or_none()
    if found is None:
        await _refuse(connection, scope)
    return Transaction(connection, scope, found.seq, found.last_ts_us, clock)


async def _locked(connection: AsyncConnection, scope: TenantScope) -> Any:
    try:
        return await connection.execute(_LOCK, {"workspace_id": scope.workspace_id, "epoch": scope.epoch})
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            raise Overloaded("the workspace's row stayed locked", retry_after_ms=LOCK_WAIT_RETRY_MS) from error
        raise


async def _refuse(connection: AsyncConnection, scope: TenantScope) -> NoReturn:
    row = (await connection.execute(select(tenancy).where(tenancy.c.workspace_id == scope.workspace_id))).one_or_none()
    if row is None:
        raise NotMine(scope.workspace_id)
    refusal = refusal_of(tenancy_of(row), scope.epoch)
    # It was not active a moment ago and is now: it may be asked for again.
    raise refusal or Overloaded("the workspace has just opened", retry_after_ms=1)
