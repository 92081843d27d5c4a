"""How busy workspaces are, as reported and as kept."""

from dataclasses import dataclass
from datetime import datetime

from chassis.identity import CellName, WorkspaceId

DECAY_S = 3600.0
"""Time constant of the average of events a second: what is older than this counts for a third."""
KNOWN_S_MIN = 600.0
"""Who was first heard of more lately is taken to have been silent before: one burst makes nobody busy."""


@dataclass(frozen=True, slots=True)
class LoadReport:
    """Of one workspace by one process; None: nothing new to say."""

    workspace_id: WorkspaceId
    seq: int | None = None
    connections: int | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class PlacedLoad:
    """Where a workspace lives, or is about to, and what it takes."""

    workspace_id: WorkspaceId
    cell: CellName
    """The target, once a move to it runs."""
    active: bool
    moving: bool
    """A move of it is not at its end, or can still be rolled back."""
    pin: str
    region: str
    """Where it must stay; empty: anywhere."""
    events_per_s: float
    connections: float
    bytes: float


@dataclass(frozen=True, slots=True)
class Rest:
    """What moves have cost the people of a workspace lately."""

    moved_at: datetime
    moved_age_s: float
    """Since the last move that brought it anywhere began."""
    paused_ms: float
    """In all, as measured."""
