"""What a worker does for each workspace of its cell, all the while it lives here: one task a follower and workspace.

A follower ends by itself when the fence says that the workspace has left; where it is still here, or here again, it is begun again.
Several workers may follow one workspace: what they store is guarded by a place that only one of them can move on.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from cells.runtime.log import Tenants
from cells.runtime.tenancy import Tenancy, TenancyState
from cells.runtime.workload import Follower
from chassis.identity import WorkspaceId

POLL_S = 1.0
"""How soon a workspace that came is followed; begun again as soon, where a follower ended."""
BEGUN_MAX = 50
"""In one look: a cell that starts with thousands of workspaces takes them up bit by bit."""


@dataclass
class Followers:
    """One a worker process."""

    followers: Mapping[str, Follower]
    tenants: Tenants
    _running: dict[tuple[str, WorkspaceId, int], "asyncio.Task[None]"] = field(default_factory=dict)

    async def run(self) -> None:
        """Until cancelled, and all that it began with it."""
        try:
            while self.followers:
                self.step()
                await asyncio.sleep(POLL_S)
        finally:
            for running in self._running.values():
                running.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    def step(self) -> None:
        """End what follows a workspace that has left, begin what is missing."""
        living = {
            (name, row.workspace_id, row.epoch): row
            for row in self.tenants.table.all()
            if row.state in (TenancyState.ACTIVE, TenancyState.FROZEN)
            for name in self.followers
        }
        for key in [key for key, task in self._running.items() if task.done() or key not in living]:
            self._end(key)
        for key in [key for key in living if key not in self._running][:BEGUN_MAX]:
            self._running[key] = asyncio.create_task(self._follow(key[0], living[key]))

    def _end(self, key: tuple[str, WorkspaceId, int]) -> None:
        self._running.pop(key).cancel()

    async def _follow(self, name: str, row: Tenancy) -> None:
        try:
            await self.followers[name](self.tenants.of(row))
        except Exception:  # noqa: BLE001 - it is begun again
            structlog.get_logger("followers").exception("a follower failed", follower=name, workspace_id=row.workspace_id)
