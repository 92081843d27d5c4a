"""When a move will be over: by the moves before it, and by how fast it goes itself."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.identity import CellName, WorkspaceId
from control_plane.moves import Prediction, predict, progress
from control_plane.registry import Move, MoveState, MoveStep

BORN = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 1_000_000
MOVE = Move(
    id="mv_0",
    workspace_id=WorkspaceId("T00000001"),
    name="acme",
    source=CellName("cell-1"),
    target=CellName("cell-2"),
    epoch=1,
    step=MoveStep.PREPARE,
    state=MoveState.RUNNING,
    version=1,
    facts={},
    problem="",
    created_at=BORN,
    ended_at=None,
    step_age_s=0.0,
    age_s=0.0,
)


def arrived(rows: int, copy_s: float, verify_s: float, arrived_s: float, **more: Any) -> Move:
    facts = {"rows": rows, "copy_s": copy_s, "verify_s": verify_s, "arrived_s": arrived_s, "pause_ms": 40.0, **more}
    return replace(MOVE, state=MoveState.DONE, step=MoveStep.PURGE, facts=facts)


def at(step: MoveStep, step_age_s: float, **facts: Any) -> Move:
    return replace(MOVE, step=step, step_age_s=step_age_s, facts={"rows_planned": ROWS, "predicted": PREDICTED.facts, **facts})


PREDICTED = Prediction(copied_per_s=100_000, compared_per_s=200_000, rest_s=1.0)


def test_a_plan_goes_by_the_middle_one_of_the_moves_before() -> None:
    history = [arrived(100_000, 1.0, 0.5, 2.5), arrived(100_000, 2.0, 1.0, 4.0), arrived(100_000, 9.0, 9.0, 19.0)]
    found = predict(history)
    assert (found.copied_per_s, found.compared_per_s, found.rest_s, found.pause_ms) == (50_000, 100_000, 1.0, 40.0)
    assert found.duration_s(200_000) == 7.0


def test_small_moves_tell_what_a_move_takes_beside_its_rows_and_no_rates() -> None:
    known = Prediction()
    found = predict([arrived(10, 0.1, 0.1, 0.7), replace(MOVE, state=MoveState.UNDONE, facts={"arrived_s": 9.0})])
    assert (found.copied_per_s, found.compared_per_s) == (known.copied_per_s, known.compared_per_s)
    assert found.rest_s == pytest.approx(0.5)
    assert predict([]) == known
    assert predict([arrived(10, 0.1, 0.1, 9.7, waited_s=9.0)]).rest_s == pytest.approx(0.5)  # others' turns are not its own


@pytest.mark.parametrize("slower", [1, 2, 4])
def test_a_move_that_goes_slower_than_those_before_is_foretold_by_its_own_rate(slower: float) -> None:
    """At a quarter of the work; the comparison is taken to be slower by as much."""
    whole_s = (ROWS / 100_000 + ROWS / 200_000) * slower + 1.0
    so_far_s = whole_s / 4
    copied = int(so_far_s / slower * 100_000)
    found = progress(at(MoveStep.COPY, so_far_s, rows=copied, copy_s=so_far_s))
    assert found.eta_s == pytest.approx(whole_s - so_far_s, rel=0.1)
    assert found.share == pytest.approx(0.25, abs=0.05)


def test_progress_never_falls_from_step_to_step() -> None:
    way = [
        at(MoveStep.PREPARE, 0.0),
        at(MoveStep.COPY, 0.0),
        at(MoveStep.COPY, 5.0, rows=ROWS // 2, copy_s=5.0),
        at(MoveStep.CATCH_UP, 0.0, rows=ROWS, copy_s=10.0),
        at(MoveStep.VERIFY, 2.5, rows=ROWS, copy_s=10.0, compared=ROWS // 2, verify_s=2.5),
        at(MoveStep.ARM, 0.0, rows=ROWS, copy_s=10.0, compared=ROWS, verify_s=5.0),
        at(MoveStep.OPEN, 0.0, rows=ROWS, copy_s=10.0, compared=ROWS, verify_s=5.0),
        replace(MOVE, step=MoveStep.WINDOW, state=MoveState.WINDOW),
    ]
    shares = [progress(move).share for move in way]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert progress(way[-1]).eta_s == 0.0
