"""How many workspaces live in each cell: counted, because a kept figure would be one more row that every placement locks."""

import math
from collections.abc import Mapping

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import Clock
from control_plane.registry.states import WorkspaceState
from control_plane.registry.tables import workspaces

MANY = 100_000
"""Workspaces; from here on all of them are not counted anew each time: 1.5 million take half a second of a busy machine."""
OLD_S_MAX = 10.0

_LIVING = select(workspaces.c.cell, func.count().label("n")).where(workspaces.c.state != WorkspaceState.GONE).group_by(workspaces.c.cell)
_PLACED = select(func.count()).select_from(workspaces)


class Counts:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._found: dict[str, int] = {}
        self._found_at_s = -math.inf

    async def all(self, connection: AsyncConnection) -> Mapping[str, int]:
        """By cell, without cells that hold none. In a fleet of `MANY` they may be `OLD_S_MAX` old, but for what `one` found since."""
        now_s = self._clock.monotonic_s()
        if sum(self._found.values()) < MANY or now_s - self._found_at_s > OLD_S_MAX:
            self._found = {row.cell: int(row.n) for row in await connection.execute(_LIVING)}
            self._found_at_s = now_s
        return dict(self._found)

    async def one(self, connection: AsyncConnection, cell: str) -> int:
        """Exact. All that were ever placed there, without those that are gone: each of the two is read off an index."""
        placed = _PLACED.where(workspaces.c.cell == cell)
        gone = placed.where(workspaces.c.state == WorkspaceState.GONE)
        living = select(placed.scalar_subquery() - gone.scalar_subquery())
        self._found[cell] = count = int((await connection.execute(living)).scalar_one())
        return count
