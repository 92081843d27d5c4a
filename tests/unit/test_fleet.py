"""Who comes when, what counts as worse, and what a rollout of code does next: from every state that a crash can leave."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chassis.identity import CellName
from control_plane.fleet.judging import Window, window_of, worse
from control_plane.fleet.upgrading import AT_ONCE_MAX, LOOK_S, Look, Sight, Turn, going_back, turn
from control_plane.fleet.waves import waves_of
from control_plane.registry import Cell, CellStage, CellState, Rollout, RolloutCell, RolloutKind, RolloutState, VitalSigns

NOW_S = 1_000.0
WELL = VitalSigns(1, 1, 40, 20.0, 0, 5.0, 20.0, 0, 0)


def cell(name: str, workspaces: int = 1) -> Cell:
    return Cell(CellName(name), "local", CellState.ACTIVE, False, 100, 1, workspaces)


def rollout(state: RolloutState = RolloutState.RUNNING, wave: int = 0, waves: int = 3, **facts: object) -> Rollout:
    kept = {"ready_s": 30.0, "bake_s": 10.0, "waves": [str(n) for n in range(waves)], **facts}
    return Rollout("ro_1", RolloutKind.CODE, "2", state, wave, 1, kept, "", datetime.now(UTC), None, 0.0)


def at(stage: CellStage, name: str = "cell-1", wave: int = 0, age_s: float = 1.0, **facts: object) -> RolloutCell:
    return RolloutCell(CellName(name), wave, stage, facts, "", age_s)


def looking(version: str = "1", signs: VitalSigns | None = WELL, *names: str, settled: bool = True) -> Look:
    sight = Sight(frozenset({version}) if version else frozenset(), signs, "")
    return Look({CellName(name): sight for name in names or ("cell-1",)}, NOW_S, settled)


def only(step: Turn) -> RolloutCell:
    (found,) = step.cells
    return found


@pytest.mark.parametrize(
    ("count", "sizes"), [(1, [1]), (2, [1, 1]), (4, [1, 1, 2]), (10, [1, 4, 5]), (40, [1, 3, 16, 20]), (1_000, [1, 99, 400, 500])]
)
def test_waves_are_shares_of_all_and_none_is_empty(count: int, sizes: list[int]) -> None:
    waves = waves_of([cell(f"cell-{number:04}") for number in range(count)])
    assert [len(wave.cells) for wave in waves] == sizes
    assert len({name for wave in waves for name in wave.cells}) == count


def test_the_first_is_the_one_named_else_the_smallest_that_shows_anything() -> None:
    cells = [cell("cell-1", 9), cell("cell-2", 0), cell("cell-3", 2)]
    assert [wave.cells for wave in waves_of(cells)] == [("cell-3",), ("cell-1",), ("cell-2",)]
    assert waves_of(cells, "cell-2")[0].cells == ("cell-2",)


def window(requests: int = 100, errors: int = 0, p99_ms: float = 50.0, unready: int = 0) -> Window:
    return Window(requests, errors, (p99_ms,) * 3, unready)


def test_worse_is_said_in_one_sentence_and_better_is_not() -> None:
    assert worse(window(errors=50, p99_ms=900.0), window()) == ""
    assert worse(window(), window(requests=100, errors=4)) == "", "four may be somebody's accident"
    assert worse(window(), window(requests=100, errors=5)) == "errors rose from 0.0% to 5.0% of requests (5 of 100)"
    assert worse(window(errors=4), window(errors=5)) == "", "no more than before"
    assert worse(window(), window(p99_ms=249.0)) == "" and worse(window(p99_ms=200.0), window(p99_ms=399.0)) == ""
    assert worse(window(), window(p99_ms=251.0)) == "p99 rose from 50 ms to 251 ms"
    assert worse(window(), window(requests=19, p99_ms=9_000.0)) == "", "too few to say"
    assert worse(window(), window(unready=3)) == "it is not ready, seen 3 times in a row"
    kept = window(errors=3, unready=1)
    assert window_of(kept.facts()) == kept
    assert kept.with_look(None).unready == 2 and kept.with_look(WELL).unready == 0


def test_only_so_many_cells_change_at_once_and_only_those_of_the_wave() -> None:
    cells = [at(CellStage.WAITING, f"cell-{n}") for n in range(AT_ONCE_MAX + 2)]
    begun = turn(rollout(), cells, looking("1", WELL, *(one.cell for one in cells))).cells
    assert [one.stage for one in begun] == [CellStage.LOOKING] * AT_ONCE_MAX
    assert turn(rollout(RolloutState.PAUSED), cells, looking("1", WELL, *(one.cell for one in cells))).cells == ()


def test_what_a_cell_had_is_on_record_before_it_is_touched() -> None:
    now = only(turn(rollout(), [at(CellStage.LOOKING, age_s=LOOK_S)], looking("1")))
    assert (now.stage, now.facts["had"], now.facts["had_versions"]) == (CellStage.WORKING, "", ["1"])
    assert now.facts["before"]["requests"] == WELL.requests


def test_it_bakes_when_every_process_is_the_new_one_and_is_done_when_it_has_baked() -> None:
    working = at(CellStage.WORKING, had="", had_versions=["1"])
    both = Look({CellName("cell-1"): Sight(frozenset({"1", "2"}), WELL)}, NOW_S, True)
    assert only(turn(rollout(), [working], both)).stage is CellStage.WORKING
    assert only(turn(rollout(), [working], looking("2"))).stage is CellStage.BAKING
    baked = at(CellStage.BAKING, age_s=10.0, before=window().facts(), after=window().facts())
    step = turn(rollout(), [baked], looking("2"))
    assert (only(step).stage, step.wave, step.state) == (CellStage.DONE, 1, RolloutState.RUNNING)
    last = turn(rollout(waves=1), [baked], looking("2"))
    assert last.state is RolloutState.DONE


def test_errors_count_while_the_version_before_still_serves_beside_and_nothing_else_does() -> None:
    both = Sight(frozenset({"1", "2"}), replace(WELL, errors=20, p99_ms=9_000.0))
    look = Look({CellName("cell-1"): both}, NOW_S, True)
    working = at(CellStage.WORKING, had="", had_versions=["1"], before=window().facts())
    step = turn(rollout(), [working], look)
    assert (step.state, step.problem) == (RolloutState.ROLLING_BACK, "cell-1: errors rose from 0.0% to 50.0% of requests (20 of 40)")
    slow = replace(look, sights={CellName("cell-1"): replace(both, signs=replace(WELL, ready=0, p99_ms=9_000.0))})
    assert turn(rollout(), [working], slow).state is RolloutState.RUNNING
    alone = replace(look, sights={CellName("cell-1"): replace(both, versions=frozenset({"1"}))})
    assert turn(rollout(), [working], alone).state is RolloutState.RUNNING, "the new one is not there yet"


def test_one_that_does_not_get_ready_or_fares_worse_turns_all_back_and_touches_no_other() -> None:
    late = at(CellStage.WORKING, age_s=31.0, had="", had_versions=["1"])
    others = [at(CellStage.DONE, "cell-0", had=""), at(CellStage.LOOKING, "cell-2"), at(CellStage.WAITING, "cell-3")]
    names = ("cell-0", "cell-1", "cell-2", "cell-3")
    step = turn(rollout(), [late, *others], looking("1", WELL, *names))
    assert (step.state, step.problem) == (RolloutState.ROLLING_BACK, "cell-1: not ready as 2 after 30 s")
    assert {one.cell: one.stage for one in step.cells} == {
        "cell-1": CellStage.UNDOING,
        "cell-0": CellStage.UNDOING,
        "cell-2": CellStage.WAITING,
    }
    failing = at(CellStage.BAKING, had="", before=window().facts(), after=window(errors=60).facts())
    step = turn(rollout(RolloutState.PAUSED), [failing], looking("2"))
    assert step.state is RolloutState.ROLLING_BACK and step.problem.startswith("cell-1: errors rose from 0.0% to")


def test_a_replica_that_has_just_begun_to_look_blames_nobody_for_silence() -> None:
    late = at(CellStage.WORKING, age_s=300.0, had="", had_versions=["1"])
    silent = at(CellStage.BAKING, "cell-2", age_s=5.0, before=window().facts(), after=window(unready=2).facts())
    step = turn(rollout(), [late, silent], looking("", None, "cell-1", "cell-2", settled=False))
    assert step.cells == ()


def test_going_back_ends_when_every_cell_is_what_it_was() -> None:
    undoing = at(CellStage.UNDOING, had="", had_versions=["1"])
    assert not turn(rollout(RolloutState.ROLLING_BACK), [undoing], looking("2")).cells
    step = turn(rollout(RolloutState.ROLLING_BACK), [undoing], looking("1"))
    assert (only(step).stage, step.state) == (CellStage.UNDONE, RolloutState.ROLLED_BACK)
    aborted = turn(rollout(RolloutState.ROLLING_BACK, aborted=True), [undoing], looking("1"))
    assert aborted.state is RolloutState.ABORTED
    assert going_back(rollout(), [at(CellStage.WAITING)], "aborted on demand").cells == ()


def test_a_cell_that_was_retired_meanwhile_is_left_out() -> None:
    gone = replace(looking("1"), sights={})
    step = turn(rollout(waves=1), [at(CellStage.WORKING, age_s=99.0, had="", had_versions=["1"])], gone)
    assert (only(step).stage, only(step).problem, step.state) == (CellStage.DONE, "left out: it serves no more", RolloutState.DONE)


def test_what_was_not_touched_yet_is_left_alone_by_a_pause_and_by_silence() -> None:
    begun = at(CellStage.LOOKING, age_s=LOOK_S)
    assert only(turn(rollout(RolloutState.PAUSED), [begun], looking("1"))).stage is CellStage.WAITING
    step = turn(rollout(), [begun], looking("", None))
    assert (step.state, step.problem) == (
        RolloutState.ROLLING_BACK,
        "cell-1: it was not heard of in the last 10 s, before it was touched",
    )
    assert only(step).stage is CellStage.WAITING
