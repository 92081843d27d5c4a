"""Who comes when: one cell, then a tenth of them, then half, then the rest. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from chassis.identity import CellName
from control_plane.registry import Cell

SHARES = (("10 %", 0.1), ("50 %", 0.5), ("rest", 1.0))


@dataclass(frozen=True, slots=True)
class Wave:
    name: str
    cells: tuple[CellName, ...]


def waves_of(cells: Sequence[Cell], canary: str = "") -> tuple[Wave, ...]:
    """Shares of all cells, counted from the first; a wave that would be empty is left out.

    The canary is the one named, else the cell with the fewest workspaces that has any: it shows something, to few people. Empty
    cells come last, for they show nothing.
    """
    order = [cell.name for cell in sorted(cells, key=lambda cell: (cell.name != canary, cell.workspaces == 0, cell.workspaces, cell.name))]
    waves, taken = [Wave("canary", tuple(order[:1]))], 1
    for name, share in SHARES:
        upto = math.ceil(len(order) * share)
        if upto > taken:
            waves.append(Wave(name, tuple(order[taken:upto])))
            taken = upto
    return tuple(wave for wave in waves if wave.cells)
