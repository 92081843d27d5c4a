"""When a move will be over: by the moves before it, and by how fast it goes itself."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chassis.identity import CellName, WorkspaceId
from control_plane.moves import Prediction, predict, progress
from control_plane.moves.estimating import HISTORY_MAX, ROWS_TELLING
from control_plane.registry import Move, MoveState, MoveStep

RECORDED = Path(__file__).with_name("recorded_moves.json")
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


def arrived(rows: int, copy_s: float, verify_s: float, rest_s: float = 0.5, **more: Any) -> Move:
    """Half a second passes before the first tenth of its rows is told, of each step that counts rows."""
    facts: dict[str, Any] = {"rows": rows, "copy_s": copy_s, "compared": rows, "verify_s": verify_s, "pause_ms": 40.0}
    if rows > ROWS_TELLING:
        facts |= {"copy_from": [rows // 10, 0.5 + (copy_s - 0.5) / 10], "verify_from": [rows // 10, 0.5 + (verify_s - 0.5) / 10]}
    facts["steps_s"] = {"prepare": rest_s + more.get("waited_s", 0.0), "copy": copy_s, "verify": verify_s}
    facts["steps_s"] |= dict.fromkeys(("catch_up", "arm", "freeze", "open"), 0.0)
    facts["arrived_s"] = sum(facts["steps_s"].values())
    return replace(MOVE, state=MoveState.DONE, step=MoveStep.PURGE, facts=facts | more)


def at(step: MoveStep, step_age_s: float, **facts: Any) -> Move:
    return replace(MOVE, step=step, step_age_s=step_age_s, facts={"rows_planned": ROWS, "predicted": PREDICTED.facts, **facts})


PREDICTED = Prediction(copied_per_s=100_000, compared_per_s=200_000, steps_s={"prepare": 0.0, "copy": 0.5, "verify": 0.5})


def test_a_plan_goes_by_the_middle_one_of_the_latest_moves() -> None:
    history = [arrived(100_000, 2.5, 1.5), arrived(100_000, 1.5, 1.0), arrived(100_000, 9.5, 9.5)]
    found = predict(history, 200_000)
    assert found.copied_per_s == pytest.approx(50_000) and found.compared_per_s == pytest.approx(100_000) and found.pause_ms == 40.0
    assert found.duration_s(200_000) == pytest.approx(0.5 + 0.5 + 4.0 + 0.5 + 2.0)
    long_ago = [arrived(100_000, 50.5, 50.5)] * HISTORY_MAX
    assert predict(history * 3 + long_ago, 200_000).duration_s(200_000) == pytest.approx(7.5), "what was slow long ago tells nothing now"


def test_small_moves_and_large_ones_tell_nothing_of_one_another() -> None:
    """A small one is compared with its copy, at one moment."""
    history = [arrived(2_000, 0.3, 0.03), arrived(100_000, 2.5, 1.5)]
    assert predict(history, 2_000).duration_s(2_000) == pytest.approx(0.83, abs=0.02)
    assert predict(history[:1], 1_000_000) == predict([], 1_000_000) == Prediction()
    assert predict([replace(arrived(2_000, 9.0, 9.0), state=MoveState.UNDONE)], 2_000) == Prediction()
    waited = [arrived(2_000, 0.3, 0.03, waited_s=9.0)]
    assert predict(waited, 2_000).duration_s(2_000) == pytest.approx(0.83, abs=0.02), "others' turns are not its own"


@pytest.mark.parametrize("slower", [1, 2, 4])
def test_a_move_that_goes_slower_than_those_before_is_foretold_by_its_own_rate(slower: float) -> None:
    """At a quarter of the work; the comparison is taken to be slower by as much."""
    whole_s = PREDICTED.duration_s(ROWS) * slower
    so_far_s = whole_s / 4
    copied = int((so_far_s / slower - 0.5) * 100_000)
    found = progress(at(MoveStep.COPY, so_far_s, rows=copied, copy_s=so_far_s))
    assert found.eta_s == pytest.approx(whole_s - so_far_s, rel=0.15)
    assert found.share == pytest.approx(0.25, abs=0.01)


def test_the_first_rows_tell_little() -> None:
    """A second of an odd rate is no slow move yet; a minute of it is one."""
    early = progress(at(MoveStep.COPY, 1.0, rows=30_000, copy_s=1.0))
    assert early.eta_s == pytest.approx(PREDICTED.duration_s(ROWS) - 0.8)
    late = progress(at(MoveStep.COPY, 60.0, rows=30_000, copy_s=60.0))
    assert late.eta_s > 60 * PREDICTED.duration_s(ROWS)


def test_a_move_that_another_version_began_is_foretold_by_what_it_noted() -> None:
    old = at(
        MoveStep.COPY, 5.0, rows=ROWS // 2, copy_s=5.0, predicted={"copied_per_s": 100_000.0, "compared_per_s": 200_000.0, "rest_s": 0.5}
    )
    assert progress(old).eta_s == pytest.approx(10.0, rel=0.1)


def test_progress_never_falls_from_step_to_step() -> None:
    way = [
        at(MoveStep.PREPARE, 0.0),
        at(MoveStep.COPY, 0.0),
        at(MoveStep.COPY, 0.3),
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


def test_ends_of_real_moves_are_foretold_at_a_quarter_and_at_half_of_their_work() -> None:
    """200,000 messages there and back, two cores with everything on them and other work beside it; each move teaches the next."""
    recorded = json.loads(RECORDED.read_text())
    taught = [replace(MOVE, state=MoveState.DONE, facts=each["taught"]) for each in recorded]
    for share, error_p50_max in ((0.25, 0.12), (0.5, 0.18)):
        errors = sorted(_error(recorded[n], predict(taught[:n][::-1], 200_000), share) for n in range(1, len(recorded)))
        assert errors[len(errors) // 2] <= error_p50_max, errors
        assert share > 0.25 or errors[8] <= 0.2, f"right for fewer than 9 of 10: {errors}"


def _error(recorded: dict[str, Any], known: Prediction, share: float) -> float:
    """Of the time that was left, when this share of the work was first seen to be done; looked at as often as `move watch` does."""
    for tenth in range(int(recorded["arrived_s"] * 10)):
        age_s = tenth / 10
        told = [line for line in recorded["way"] if line[0] <= age_s]
        if told:
            at_s, step, step_age_s, facts = told[-1]
            now = replace(MOVE, step=MoveStep(step), step_age_s=step_age_s + age_s - at_s, age_s=age_s)
            found = progress(replace(now, facts={"rows_planned": 200_000, "predicted": known.facts, **facts}))
            if found.share >= share:
                return float(abs(found.eta_s / (recorded["arrived_s"] - age_s) - 1))
    raise AssertionError("never so far")
