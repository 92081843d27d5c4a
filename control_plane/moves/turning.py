"""What a step's outcome, or its failure, makes of a move's row. Pure: the controller and the search over every state share it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chassis.errors import WaggleError
from control_plane.moves.outcomes import Done, Outcome, StepRefused, Switch, Wait
from control_plane.moves.rules import TABLE, gives_up, state_at
from control_plane.registry import Move, MoveState, MoveStep, TransitionRefused

CELL_REFUSED = "cell_refused"
PROBLEM_CHARACTERS_MAX = 300


@dataclass(frozen=True, slots=True)
class Turn:
    """What is to be stored, by compare-and-set against the row as it was read."""

    step: MoveStep
    state: MoveState
    facts: Mapping[str, Any]
    problem: str = ""
    switch: Switch | None = None
    """The decision belongs to the same commit."""


def after(move: Move, outcome: Outcome, took_s: float = 0.0) -> Turn | None:
    """None: nothing to store, look again. `took_s`: the step so far; noted when it is over."""
    facts, then = {**move.facts, **outcome.facts}, TABLE[move.step].then
    if took_s and not isinstance(outcome, Wait):
        facts["steps_s"] = {**move.facts.get("steps_s", {}), move.step: round(took_s, 3)}
    if isinstance(outcome, Switch):
        assert isinstance(then, MoveStep)
        return Turn(then, state_at(then), facts, switch=outcome)
    if not isinstance(outcome, Done):
        return None if facts == move.facts else Turn(move.step, move.state, facts)
    if isinstance(then, MoveStep):
        return Turn(then, state_at(then), facts, _kept(move))
    return Turn(move.step, _end_of(move, then), facts, _kept(move))


def after_failure(move: Move, error: WaggleError) -> Turn:
    """The way back where there is one and it is time, else the same step again; and why."""
    line = " ".join(str(error).split())[:PROBLEM_CHARACTERS_MAX]
    refused = isinstance(error, StepRefused | TransitionRefused) or error.code == CELL_REFUSED
    back = gives_up(move.step, move.step_age_s, refused=refused)
    facts = {**move.facts, "failed": f"{move.step}: {line}"} if back else move.facts
    step = back or move.step
    return Turn(step, state_at(step), facts, line)


def _end_of(move: Move, then: MoveState) -> MoveState:
    return MoveState.ROLLED_BACK if then is MoveState.DONE and move.facts.get("back") else then


def _kept(move: Move) -> str:
    """Why a move was undone, or its window closed before its time, stays on record to its end."""
    undoing = move.step in (MoveStep.UNFREEZE, MoveStep.UNDO, MoveStep.UNDO_PURGE, MoveStep.BACK_UNFREEZE)
    return str(move.facts.get("failed" if undoing else "over_budget", ""))
