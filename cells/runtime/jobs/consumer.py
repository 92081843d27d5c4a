"""A reader of the log that remembers where it is: everything beside a write (search, notifications, apps) is one of these.

The cursor is a row of the workspace, moved in the same transaction as what the handler stored, under the fence. So a handler's
rows are written exactly once for each event; what it does outside the database may happen again after a crash.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import insert

from cells.runtime.log import LoggedEvent, Transaction, WorkspaceLog
from cells.runtime.log.tables import cursors
from cells.runtime.tenancy import Database, Frozen, Incoming, Moved, NotMine, StaleEpoch, Suspended, TenantScope
from chassis.backoff import Backoff

Handle = Callable[[Transaction, Sequence[LoggedEvent]], Awaitable[None]]
PAGE_EVENTS_MAX = 200
NAME_CHARACTERS_MAX = 100
LEFT = (Moved, NotMine, StaleEpoch, Suspended)
HELD = (Frozen, Incoming)


class CursorElsewhere(Exception):
    """Another process has moved the cursor: read it again."""


@dataclass(frozen=True, slots=True)
class Page:
    """A change: handle these events and move the cursor past them, or neither."""

    name: str
    handle: Handle
    after_seq: int
    events: Sequence[LoggedEvent]

    async def apply(self, tx: Transaction) -> int:
        held = await tx.connection.execute(position_of(tx.scope, self.name))
        if (held.scalar_one_or_none() or 0) != self.after_seq:
            raise CursorElsewhere(self.name)
        await self.handle(tx, self.events)
        last = self.events[-1].seq
        moved = insert(cursors).values(workspace_id=tx.scope.workspace_id, name=self.name, seq=last)
        await tx.connection.execute(
            moved.on_conflict_do_update(index_elements=["workspace_id", "name"], set_={"seq": last, "updated_at": func.now()})
        )
        return last


class Consumer:
    """A handler that fails is tried again with growing waits, for ever: order is kept, so nothing after it is handled before."""

    def __init__(self, name: str, handle: Handle, log: WorkspaceLog, database: Database, backoff: Backoff | None = None) -> None:
        if not 0 < len(name) <= NAME_CHARACTERS_MAX:
            raise ValueError(f"a cursor's name has 1 to {NAME_CHARACTERS_MAX} characters")
        self._name = name
        self._handle = handle
        self._log = log
        self._database = database
        self._backoff = backoff or Backoff(limit_s=30.0)
        self._notes = structlog.get_logger("jobs").bind(consumer=name)

    async def position(self, scope: TenantScope) -> int:
        async with self._database.reading(scope) as connection:
            return (await connection.execute(position_of(scope, self._name))).scalar_one_or_none() or 0

    async def run(self, scope: TenantScope) -> None:
        """Handle the workspace's events as they come; returns once the workspace is not this cell's at `scope.epoch` any more."""
        attempt = 0
        while True:
            try:
                await self.step(scope)
                attempt = 0
            except LEFT:
                return
            except CursorElsewhere:
                continue
            except Exception as error:  # noqa: BLE001 - the cursor has not moved; the events are handled again
                if not isinstance(error, HELD):
                    self._notes.warning(
                        "events not handled; trying again", workspace_id=scope.workspace_id, error=str(error), attempt=attempt
                    )
                await asyncio.sleep(self._backoff.delay_s(attempt))
                attempt += 1

    async def step(self, scope: TenantScope) -> int:
        """Wait for events after the cursor and handle one page; returns the cursor."""
        seq = await self.position(scope)
        events = await self._log.read(scope, seq, PAGE_EVENTS_MAX)
        if not events:
            await self._log.beyond(scope.workspace_id, seq)
            events = await self._log.read(scope, seq, PAGE_EVENTS_MAX)
        return await self._log.commit(scope, Page(self._name, self._handle, seq, events)) if events else seq


def position_of(scope: TenantScope, name: str) -> Select[Any]:
    return select(cursors.c.seq).where(cursors.c.workspace_id == scope.workspace_id, cursors.c.name == name)
