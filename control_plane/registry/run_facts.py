"""A run that levels a fleet, as its rows say it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from chassis.identity import CellName, WorkspaceId


class RunState(StrEnum):
    """A stopped run may go on; one that is done may not."""

    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"


class StepState(StrEnum):
    """`starting` is an intention on record: whoever finds it looks for the move before it begins one."""

    WAITING = "waiting"
    STARTING = "starting"
    MOVING = "moving"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


UNDER_WAY = frozenset({StepState.STARTING, StepState.MOVING})


@dataclass(frozen=True, slots=True)
class RunStep:
    number: int
    workspace_id: WorkspaceId
    name: str
    source: CellName
    target: CellName
    state: StepState
    facts: Mapping[str, Any]
    """Set when planned: why, bytes, pause_ms, imbalance. Set later: measured_ms, started_at, refused_at (epoch seconds)."""
    move_id: str = ""
    problem: str = ""

    def turned(self, state: StepState, *, move_id: str | None = None, problem: str = "", **facts: Any) -> "RunStep":
        kept = self.move_id if move_id is None else move_id
        return replace(self, state=state, move_id=kept, problem=problem, facts={**self.facts, **facts})


@dataclass(frozen=True, slots=True)
class Run:
    id: str
    state: RunState
    version: int
    facts: Mapping[str, Any]
    problem: str
    created_at: datetime
    ended_at: datetime | None
    age_s: float
    counts: Mapping[StepState, int] = field(default_factory=dict)

    def count(self, *states: StepState) -> int:
        return sum(self.counts.get(state, 0) for state in states)


@dataclass(frozen=True, slots=True)
class NewRun:
    facts: Mapping[str, Any]
    steps: Sequence[RunStep]
