"""Every workspace of this cell in memory, so that a request is refused or let through without asking the database.

It may be up to a second old. That is safe: the fence in the database decides, this only answers sooner.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from sqlalchemy import select

from cells.runtime.tenancy.database import Database
from cells.runtime.tenancy.errors import NotExecuted, NotMine
from cells.runtime.tenancy.rows import Tenancy, refusal_of, tenancy_of
from cells.runtime.tenancy.tables import TenancyState, tenancy
from chassis.background import in_background
from chassis.identity import WorkspaceId

POLL_S = 1.0
Listener = Callable[[Tenancy], None]


class TenancyTable:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows: dict[WorkspaceId, Tenancy] = {}
        self._listeners: list[Listener] = []
        self._learned: set[WorkspaceId] = set()
        self._woken = asyncio.Event()
        self._log = structlog.get_logger("tenancy")
        self.loaded = False

    def get(self, workspace_id: WorkspaceId) -> Tenancy | None:
        return self._rows.get(workspace_id)

    def require(self, workspace_id: WorkspaceId, epoch: int) -> Tenancy:
        """The row, active at `epoch`; raises the NotExecuted that says why not."""
        row = self._rows.get(workspace_id)
        if row is None:
            raise NotMine(workspace_id)
        refusal = refusal_of(row, epoch)
        if refusal is not None:
            raise refusal
        return row

    def all(self) -> list[Tenancy]:
        return list(self._rows.values())

    def count_active(self) -> int:
        return sum(row.state is TenancyState.ACTIVE for row in self._rows.values())

    def on_change(self, listener: Listener) -> None:
        """Call `listener` (it must not block or raise) with each row whose epoch or state changed."""
        self._listeners.append(listener)

    def wake(self) -> None:
        """Somebody said that rows changed: look now, not at the next poll."""
        self._woken.set()

    async def refresh(self) -> None:
        self._learned.clear()
        async with self._database.census() as connection:
            rows = [tenancy_of(row) for row in await connection.execute(select(tenancy))]
        for gone in self._rows.keys() - {row.workspace_id for row in rows} - self._learned:
            del self._rows[gone]
        for row in rows:
            if row.workspace_id not in self._learned:
                self._take(row)
        self.loaded = True

    def learn(self, row: Tenancy) -> None:
        """Take a row that this process just committed or read; a refresh that began before does not undo it."""
        self._learned.add(row.workspace_id)
        self._take(row)

    def _take(self, row: Tenancy) -> None:
        held = self._rows.get(row.workspace_id)
        self._rows[row.workspace_id] = row
        if held is None or (held.epoch, held.state) != (row.epoch, row.state):
            for listener in self._listeners:
                listener(row)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Keeps the table fresh while the block runs: on `wake`, and at least every second."""
        async with in_background(self._watch()):
            yield

    async def _watch(self) -> None:
        while True:
            try:
                await self.refresh()
            except NotExecuted as error:
                self._log.warning("tenancy not refreshed", error=str(error))
            except Exception:  # noqa: BLE001 - a watch that ends would leave the process blind
                self._log.exception("tenancy not refreshed")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._woken.wait()
            self._woken.clear()
