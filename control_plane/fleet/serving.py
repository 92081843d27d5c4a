"""Which cells take part: those that serve. One that ends while it waits is left out."""

from control_plane.registry import CellState

SERVING = frozenset({CellState.ACTIVE, CellState.DRAINING})
LEFT_OUT = "left out: it serves no more"
