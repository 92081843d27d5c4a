"""The table of a move, walked from every step: it always ends, and what is decided is never undone."""

from collections.abc import Iterator

import pytest

from control_plane.moves.rules import TABLE, gives_up
from control_plane.moves.steps import RUN
from control_plane.registry import MoveState, MoveStep

S = MoveStep
DECIDED = (S.OPEN, S.BACK_OPEN, S.FINISH, S.PURGE)


def onward(step: MoveStep) -> Iterator[MoveStep | MoveState]:
    rule = TABLE[step]
    yield rule.then
    if rule.undo is not None:
        yield rule.undo


def reachable(step: MoveStep) -> set[MoveStep | MoveState]:
    found: set[MoveStep | MoveState] = set()
    waiting: list[MoveStep | MoveState] = [step]
    while waiting:
        for after in onward(MoveStep(waiting.pop())):
            if after not in found:
                found.add(after)
                if isinstance(after, MoveStep):
                    waiting.append(after)
    return found


def test_every_step_has_a_rule_and_a_deed() -> None:
    assert set(TABLE) == set(RUN) == set(MoveStep)


@pytest.mark.parametrize("step", list(MoveStep))
def test_every_path_ends(step: MoveStep) -> None:
    assert {state for state in reachable(step) if isinstance(state, MoveState)} & {MoveState.DONE, MoveState.UNDONE}


@pytest.mark.parametrize("step", DECIDED)
def test_what_is_decided_is_carried_out(step: MoveStep) -> None:
    assert TABLE[step].undo is None
    assert gives_up(step, 1e9, refused=True) is None
    assert MoveState.UNDONE not in reachable(step)


@pytest.mark.parametrize("step", [S.FREEZE, S.BACK_FREEZE])
def test_nobody_stays_frozen_for_a_failure(step: MoveStep) -> None:
    assert gives_up(step, 0.0, refused=False) in (S.UNFREEZE, S.BACK_UNFREEZE)


def test_a_cell_that_is_away_is_waited_for_and_one_that_refuses_is_not() -> None:
    assert gives_up(S.COPY, 1.0, refused=False) is None
    assert gives_up(S.COPY, 1e4, refused=False) is S.UNDO
    assert gives_up(S.COPY, 0.0, refused=True) is S.UNDO
