"""Work that comes before its workspace: a router heard of a switch that this cell is told of a few milliseconds later.

It waits here instead of being refused and sent again: a refusal costs a poll of the router's, and people wait for it.
"""

import asyncio

from prometheus_client import Counter

from cells.runtime.tenancy.rows import Tenancy
from cells.runtime.tenancy.table import TenancyTable
from cells.runtime.tenancy.tables import TenancyState
from chassis.identity import WorkspaceId

WAIT_S_MAX = 1.0
WAITING_MAX = 512
"""Of one process, all workspaces together; beyond it they are refused at once, as anywhere else."""

EARLY = Counter("waggle_tenancy_early_total", "Requests and sessions that came before their workspace was opened here.", ["outcome"])


class Arrivals:
    def __init__(self, table: TenancyTable) -> None:
        self._table = table
        self._waiters: dict[WorkspaceId, set[asyncio.Future[None]]] = {}
        self.waiting = 0
        table.on_change(self._on_change)

    async def wait(self, workspace_id: WorkspaceId, epoch: int) -> bool:
        """Whether it is worth asking (again): the row was behind `epoch`, and has changed within WAIT_S_MAX."""
        if not self._is_early(workspace_id, epoch) or self.waiting >= WAITING_MAX:
            return False
        self.waiting += 1
        try:
            async with asyncio.timeout(WAIT_S_MAX):
                while self._is_early(workspace_id, epoch):
                    await self._changed(workspace_id)
        except TimeoutError:
            EARLY.labels("refused").inc()
            return False
        finally:
            self.waiting -= 1
        EARLY.labels("served").inc()
        return True

    def _is_early(self, workspace_id: WorkspaceId, epoch: int) -> bool:
        row = self._table.get(workspace_id)
        return row is not None and row.epoch < epoch and row.state in (TenancyState.INCOMING, TenancyState.MOVED)

    async def _changed(self, workspace_id: WorkspaceId) -> None:
        waiter = asyncio.get_running_loop().create_future()
        waiting = self._waiters.setdefault(workspace_id, set())
        waiting.add(waiter)
        try:
            await waiter
        finally:
            waiting.discard(waiter)
            if not waiting and self._waiters.get(workspace_id) is waiting:
                del self._waiters[workspace_id]

    def _on_change(self, row: Tenancy) -> None:
        for waiter in self._waiters.pop(row.workspace_id, ()):
            if not waiter.done():
                waiter.set_result(None)
