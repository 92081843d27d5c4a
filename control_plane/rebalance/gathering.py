"""What plans are made from, read page by page: 1.5 million workspaces are never in one answer of the database."""

from array import array
from collections.abc import Mapping, Sequence

import numpy as np

from control_plane.rebalance.planning import Census
from control_plane.rebalance.policy import RESOURCES, Policy
from control_plane.registry import Cell, PlacedLoad, Registry, Rest

PAGE_ROWS = 10_000
PAUSE_MS_DEFAULT = 60.0
"""Until five moves were measured (docs/adr/0011-moves.md)."""


class _Rows:
    """Grows by pages of rows and takes some 60 bytes a workspace."""

    def __init__(self, places: dict[str, int]) -> None:
        self._places = places
        self.ids: list[str] = []
        self._loads, self._home, self._settled = array("d"), array("q"), array("b")

    def take(self, page: list[PlacedLoad]) -> None:
        for one in page:
            if (place := self._places.get(one.cell)) is not None:
                self.ids.append(one.workspace_id)
                self._loads.extend((1.0, one.events_per_s, one.connections, one.bytes))
                self._home.append(place)
                self._settled.append(one.active and not one.moving and not one.pin)

    def census(self, cells: Sequence[Cell], rests: Mapping[str, Rest], pause_ms: float) -> Census:
        loads = np.array(self._loads, dtype=np.float64).reshape(-1, len(RESOURCES))
        home, settled = np.array(self._home, dtype=np.int64), np.array(self._settled, dtype=bool)
        return Census(cells, self.ids, loads, home, settled, rests, pause_ms)


async def pause_ms_expected(registry: Registry) -> float:
    measured = await registry.loads.pause_ms()
    return PAUSE_MS_DEFAULT if measured is None else measured


async def gather(registry: Registry, policy: Policy) -> Census:
    """Cells first, so that a workspace of a cell that was made meanwhile is left out and none is counted nowhere."""
    cells = await registry.cells.list()
    rests = await registry.loads.rests(policy.month_s)
    rows, after = _Rows({cell.name: place for place, cell in enumerate(cells)}), ""
    while page := await registry.loads.page(after, PAGE_ROWS):
        rows.take(page)
        after = page[-1].workspace_id
    return rows.census(cells, rests, await pause_ms_expected(registry))
