"""What somebody with rights of their own is told to do with a cell, and what their answer changes."""

from dataclasses import replace

from chassis.identity import CellName
from control_plane.fleet.orders import Outcome, noted
from control_plane.fleet.upgrading import turn
from control_plane.registry import CellStage, Rollout, RolloutKind, RolloutState
from tests.unit.test_fleet import at, looking, only, rollout

FAILED = Outcome(CellName("cell-1"), "2", "image waggle:2 cannot be pulled")


def test_without_anybody_who_applies_no_cell_is_begun_and_none_is_late() -> None:
    waiting = at(CellStage.WAITING)
    assert turn(rollout(), [waiting], replace(looking(), applied_for_s=None)).cells == ()
    late = at(CellStage.WORKING, age_s=99.0, had="", had_versions=["1"])
    for for_s, becomes in ((None, ()), (29.0, ()), (31.0, (CellStage.UNDOING,))):
        step = turn(rollout(), [late], replace(looking("1"), applied_for_s=for_s))
        assert tuple(one.stage for one in step.cells) == becomes


def test_code_that_cannot_be_applied_turns_back_every_cell_that_has_it() -> None:
    cells = [at(CellStage.WORKING, had="", had_versions=["1"]), at(CellStage.DONE, "cell-0", had="", had_versions=["1"])]
    step = noted(rollout(), cells, FAILED)
    assert step is not None and (step.state, step.problem) == (RolloutState.ROLLING_BACK, f"cell-1: {FAILED.problem}")
    assert {one.stage for one in step.cells} == {CellStage.UNDOING}
    done = noted(rollout(), cells, replace(FAILED, problem=""))
    assert done is not None and (only(done).stage, only(done).facts["applied"]) == (CellStage.WORKING, "2")
    assert noted(rollout(), cells, replace(FAILED, version="0")) is None, "that was ordered before"
    assert noted(rollout(), [at(CellStage.WAITING)], FAILED) is None
    assert noted(rollout(), [], FAILED) is None


def test_what_fails_on_the_way_back_is_said_and_the_way_goes_on() -> None:
    undoing = at(CellStage.UNDOING, had="", had_versions=["1", "2"])
    back = rollout(RolloutState.ROLLING_BACK)
    step = noted(back, [undoing], replace(FAILED, version="1"))
    assert step is not None and (step.state, only(step).problem) == (RolloutState.ROLLING_BACK, FAILED.problem)
    assert noted(back, [undoing], FAILED) is None, "the new version is not ordered any more"


def test_tables_that_cannot_be_changed_halt_and_what_happened_to_them_is_noted_later_too() -> None:
    schema = _schema(RolloutState.RUNNING)
    working = at(CellStage.WORKING)
    step = noted(schema, [working], FAILED)
    assert step is not None and (step.state, only(step).stage) == (RolloutState.HALTED, CellStage.FAILED)
    step = noted(schema, [working], replace(FAILED, problem=""))
    assert step is not None and (step.state, only(step).stage) == (RolloutState.RUNNING, CellStage.DONE)
    step = noted(_schema(RolloutState.ABORTED), [working], FAILED)
    assert step is not None and (step.state, only(step).stage) == (RolloutState.ABORTED, CellStage.FAILED)


def _schema(state: RolloutState) -> Rollout:
    return replace(rollout(state), kind=RolloutKind.SCHEMA)


def test_a_cell_is_what_it_says_and_what_was_applied() -> None:
    """Pods of the version before may serve on while nothing of the new one ever came to life."""
    elsewhere = replace(looking("1"), elsewhere=True)
    undoing = at(CellStage.UNDOING, had="", had_versions=["1"], applied="2")
    assert turn(rollout(RolloutState.ROLLING_BACK), [undoing], elsewhere).cells == ()
    step = noted(rollout(RolloutState.ROLLING_BACK), [undoing], replace(FAILED, version="1", problem=""))
    assert step is not None
    ended = turn(rollout(RolloutState.ROLLING_BACK), [only(step)], elsewhere)
    assert (only(ended).stage, ended.state) == (CellStage.UNDONE, RolloutState.ROLLED_BACK)
    working = at(CellStage.WORKING, had="", had_versions=["1"])
    there = replace(looking("2"), elsewhere=True)
    assert only(turn(rollout(), [working], there)).stage is CellStage.WORKING
    applied = replace(working, facts={**working.facts, "applied": "2"})
    assert only(turn(rollout(), [applied], there)).stage is CellStage.BAKING
