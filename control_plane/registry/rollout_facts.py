"""What goes through the fleet in waves - a schema or a build - as its rows say it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from chassis.identity import CellName


class RolloutKind(StrEnum):
    SCHEMA = "schema"
    CODE = "code"


class RolloutState(StrEnum):
    """`halted` waits for a person; `rolling_back` ends as rolled_back, or as aborted where a person wanted it."""

    RUNNING = "running"
    PAUSED = "paused"
    HALTED = "halted"
    ROLLING_BACK = "rolling_back"
    DONE = "done"
    ROLLED_BACK = "rolled_back"
    ABORTED = "aborted"


ENDED_ROLLOUTS = frozenset({RolloutState.DONE, RolloutState.ROLLED_BACK, RolloutState.ABORTED})


class CellStage(StrEnum):
    """`looking`: how the cell fares before; `baking`: how it fares after. `working` is an intention on record and may be repeated."""

    WAITING = "waiting"
    LOOKING = "looking"
    WORKING = "working"
    BAKING = "baking"
    DONE = "done"
    FAILED = "failed"
    UNDOING = "undoing"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class RolloutCell:
    cell: CellName
    wave: int
    stage: CellStage = CellStage.WAITING
    facts: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    stage_age_s: float = 0.0

    def at(self, stage: CellStage, *, problem: str | None = None, **facts: Any) -> "RolloutCell":
        said = self.problem if problem is None else problem
        age_s = self.stage_age_s if stage is self.stage else 0.0
        return replace(self, stage=stage, facts={**self.facts, **facts}, problem=said, stage_age_s=age_s)


@dataclass(frozen=True, slots=True)
class Applier:
    """Who carries out, with rights of their own, what is ordered of cells that the control plane has no rights on."""

    holder: str
    name: str
    """For people: who typed, and where."""
    for_s: float
    """How long without a break."""


@dataclass(frozen=True, slots=True)
class Rollout:
    id: str
    kind: RolloutKind
    target: str
    """The version whose code, or whose newest revision, every cell shall have."""
    state: RolloutState
    wave: int
    version: int
    """Of the row: compared before it is set."""
    facts: Mapping[str, Any]
    problem: str
    created_at: datetime
    ended_at: datetime | None
    age_s: float
    counts: Mapping[CellStage, int] = field(default_factory=dict)
    applier: Applier | None = None
    """None: nobody is at it now."""

    @property
    def ended(self) -> bool:
        return self.state in ENDED_ROLLOUTS

    @property
    def waves(self) -> Sequence[str]:
        """Their names, in order."""
        return tuple(self.facts.get("waves", ()))


@dataclass(frozen=True, slots=True)
class NewRollout:
    kind: RolloutKind
    target: str
    facts: Mapping[str, Any]
    cells: Sequence[RolloutCell]
