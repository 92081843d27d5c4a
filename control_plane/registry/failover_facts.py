"""A workspace that another cell was given because its own was lost."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chassis.identity import CellName, WorkspaceId


class FailoverStage(StrEnum):
    OPENING = "opening"
    """Routers send to the new owner; it is to be told that it is the owner."""
    FENCING = "fencing"
    """Served again. The lost cell is to be told, should it ever come back."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Failover:
    workspace_id: WorkspaceId
    name: str
    source: CellName
    target: CellName
    epoch: int
    """Of the new owner."""
    stage: FailoverStage
    problem: str
    decided_at: datetime
