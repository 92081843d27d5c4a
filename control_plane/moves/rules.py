"""The table of a move: what follows each step when it is done, and what when it is given up. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from control_plane.registry import Move, MoveState, MoveStep

S = MoveStep


@dataclass(frozen=True, slots=True)
class Rule:
    then: MoveStep | MoveState
    """The next step, or the state in which the move ends."""
    undo: MoveStep | None = None
    """Where giving up leads. None: this step is carried out, however long it takes."""
    patience_s: float = 120.0
    """How long a cell that is away is waited for before giving up."""


TABLE: Mapping[MoveStep, Rule] = {
    S.PREPARE: Rule(S.COPY, S.UNDO),
    S.COPY: Rule(S.CATCH_UP, S.UNDO, patience_s=600.0),
    S.CATCH_UP: Rule(S.VERIFY, S.UNDO, patience_s=600.0),
    S.VERIFY: Rule(S.ARM, S.UNDO, patience_s=600.0),
    S.ARM: Rule(S.FREEZE, S.UNDO),
    # People wait from here on: one failure is enough, and then they get their workspace back.
    S.FREEZE: Rule(S.OPEN, S.UNFREEZE, patience_s=0.0),
    # Decided. Everything after the switch is carried out.
    S.OPEN: Rule(S.WINDOW),
    S.WINDOW: Rule(S.FINISH),
    S.BACK_FREEZE: Rule(S.BACK_OPEN, S.BACK_UNFREEZE, patience_s=0.0),
    S.BACK_OPEN: Rule(S.FINISH),
    S.FINISH: Rule(S.PURGE),
    S.PURGE: Rule(MoveState.DONE),
    S.UNFREEZE: Rule(S.UNDO),
    S.UNDO: Rule(S.UNDO_PURGE),
    S.UNDO_PURGE: Rule(MoveState.UNDONE),
    S.BACK_UNFREEZE: Rule(S.WINDOW),
}


def state_at(step: MoveStep) -> MoveState:
    return MoveState.WINDOW if step is S.WINDOW else MoveState.RUNNING


def has_window(move: Move) -> bool:
    """Whether there will be a time in which it can be rolled back. Without one no way back is armed, so none must be gone."""
    return float(move.facts.get("window_s", 0)) > 0


def gives_up(step: MoveStep, step_age_s: float, *, refused: bool) -> MoveStep | None:
    """Where a failure leads; None: try again. `refused`: the cell said no, and would again."""
    rule = TABLE[step]
    return rule.undo if rule.undo is not None and (refused or step_age_s >= rule.patience_s) else None
