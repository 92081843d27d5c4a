"""What becomes of a move whose slot keeps too much WAL: a decision from its row alone."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chassis.identity import CellName, WorkspaceId
from control_plane.moves.budget import turned
from control_plane.registry import Move, MoveState, MoveStep

GIB = 2**30
BUDGET = 2 * GIB
MOVE = Move(
    id="mv_0123456789ab",
    workspace_id=WorkspaceId("TACME"),
    name="acme",
    source=CellName("cell-1"),
    target=CellName("cell-2"),
    epoch=1,
    step=MoveStep.COPY,
    state=MoveState.RUNNING,
    version=3,
    facts={"rows": 7},
    problem="",
    created_at=datetime.now(UTC),
    ended_at=None,
    step_age_s=1.0,
    age_s=2.0,
)
WINDOW = replace(MOVE, step=MoveStep.WINDOW, state=MoveState.WINDOW)


def test_within_the_budget_nothing_happens() -> None:
    assert turned(MOVE, "cell-1", BUDGET, False, BUDGET) is None


def test_over_it_a_move_before_its_freeze_goes_the_way_back_and_says_how_much_it_kept() -> None:
    ordered = turned(MOVE, "cell-1", BUDGET + GIB // 2, False, BUDGET)
    assert ordered is not None and (ordered[0], ordered[2]) == (MoveStep.UNDO, MoveState.RUNNING)
    assert ordered[1]["failed"] == "aborted at copy: its slot on cell-1 kept 2.5 GiB of WAL, more than the budget of 2.0 GiB"
    assert ordered[1]["rows"] == 7


def test_a_window_is_closed_and_a_slot_that_lost_its_wal_closes_it_too() -> None:
    for wal_bytes, lost in ((BUDGET + 1, False), (0, True)):
        ordered = turned(WINDOW, "cell-2", wal_bytes, lost, BUDGET)
        assert ordered is not None and ordered[0] is MoveStep.FINISH
        assert str(ordered[1]["over_budget"]).startswith("window closed before its time: the way back's slot on cell-2")


@pytest.mark.parametrize(
    "step", sorted(set(MoveStep) - {MoveStep.PREPARE, MoveStep.COPY, MoveStep.CATCH_UP, MoveStep.VERIFY, MoveStep.ARM, MoveStep.WINDOW})
)
def test_what_takes_seconds_or_is_on_its_way_out_is_carried_through(step: MoveStep) -> None:
    assert turned(replace(MOVE, step=step), "cell-1", 100 * GIB, True, BUDGET) is None
