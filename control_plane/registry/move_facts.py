"""A move as its row says it; and which step may follow which. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from chassis.identity import CellName, WorkspaceId


class MoveStep(StrEnum):
    """In order. `freeze` ends with the switch, one commit; `back_*` is the same dance the other way; `finish` and `purge` end both."""

    PREPARE = "prepare"
    COPY = "copy"
    CATCH_UP = "catch_up"
    VERIFY = "verify"
    ARM = "arm"
    FREEZE = "freeze"
    OPEN = "open"
    WINDOW = "window"
    BACK_FREEZE = "back_freeze"
    BACK_OPEN = "back_open"
    FINISH = "finish"
    PURGE = "purge"
    UNFREEZE = "unfreeze"
    UNDO = "undo"
    UNDO_PURGE = "undo_purge"
    BACK_UNFREEZE = "back_unfreeze"


class MoveState(StrEnum):
    RUNNING = "running"
    WINDOW = "window"
    DONE = "done"
    UNDONE = "undone"
    ROLLED_BACK = "rolled_back"


ENDED = frozenset({MoveState.DONE, MoveState.UNDONE, MoveState.ROLLED_BACK})


@dataclass(frozen=True, slots=True)
class Move:
    id: str
    workspace_id: WorkspaceId
    name: str
    source: CellName
    target: CellName
    epoch: int
    """The source's when the move began; the target's is one more, after a rollback the source's two more."""
    step: MoveStep
    state: MoveState
    version: int
    facts: Mapping[str, Any]
    problem: str
    created_at: datetime
    ended_at: datetime | None
    step_age_s: float
    age_s: float

    @property
    def ended(self) -> bool:
        return self.state in ENDED
