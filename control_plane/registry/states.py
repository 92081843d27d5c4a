"""Where a cell and a workspace stand, and where each may go next. Pure: no I/O, no clock."""

from collections.abc import Mapping
from enum import StrEnum


class CellState(StrEnum):
    PROVISIONING = "provisioning"
    ACTIVE = "active"
    DRAINING = "draining"
    LOST = "lost"
    """Given up: its workspaces were given to others. Routers have no way to it; when it is heard of again it is fenced first."""
    RETIRED = "retired"


class WorkspaceState(StrEnum):
    """`creating`, `suspending` and `resuming` are intentions on record: the reconciler finishes what a crash left there."""

    CREATING = "creating"
    ACTIVE = "active"
    SUSPENDING = "suspending"
    SUSPENDED = "suspended"
    RESUMING = "resuming"
    GONE = "gone"


CELL_MOVES: Mapping[CellState, frozenset[CellState]] = {
    CellState.PROVISIONING: frozenset({CellState.ACTIVE, CellState.RETIRED}),
    CellState.ACTIVE: frozenset({CellState.DRAINING, CellState.LOST}),
    CellState.DRAINING: frozenset({CellState.ACTIVE, CellState.LOST, CellState.RETIRED}),
    CellState.LOST: frozenset({CellState.DRAINING}),
    CellState.RETIRED: frozenset(),
}

WORKSPACE_MOVES: Mapping[WorkspaceState, frozenset[WorkspaceState]] = {
    WorkspaceState.CREATING: frozenset({WorkspaceState.ACTIVE, WorkspaceState.GONE}),
    WorkspaceState.ACTIVE: frozenset({WorkspaceState.SUSPENDING, WorkspaceState.GONE}),
    WorkspaceState.SUSPENDING: frozenset({WorkspaceState.SUSPENDED}),
    WorkspaceState.SUSPENDED: frozenset({WorkspaceState.RESUMING, WorkspaceState.GONE}),
    WorkspaceState.RESUMING: frozenset({WorkspaceState.ACTIVE}),
    WorkspaceState.GONE: frozenset(),
}

UNFINISHED = frozenset({WorkspaceState.CREATING, WorkspaceState.SUSPENDING, WorkspaceState.RESUMING})
"""States that nobody rests in."""

_ROUTED = {
    WorkspaceState.ACTIVE: "active",
    WorkspaceState.SUSPENDING: "suspended",
    WorkspaceState.SUSPENDED: "suspended",
    WorkspaceState.RESUMING: "suspended",
    WorkspaceState.GONE: "gone",
}


def route_state(state: WorkspaceState) -> str | None:
    """What routers are told (directory.proto Route.state); None while there is no route."""
    return _ROUTED.get(state)


def cell_may(before: CellState, after: CellState) -> bool:
    return after in CELL_MOVES[before]


def workspace_may(before: WorkspaceState, after: WorkspaceState) -> bool:
    return after in WORKSPACE_MOVES[before]
