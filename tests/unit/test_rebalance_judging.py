"""When a run stops for a cell, and when a step is left out. Facts in, a sentence out."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chassis.identity import CellName, WorkspaceId
from control_plane.rebalance.judging import SILENT_S, SUFFERS_S, Outlook, baseline, objection, suffering, watch
from control_plane.rebalance.policy import Policy
from control_plane.registry import Cell, CellState, PlacedLoad, Rest, RunStep, StepState, Vitals
from tests.unit.test_rebalance_plans import a_cell

WELL = Vitals(2.0, 100, 0, 5.0, 20.0, True, 0, 0)
BEFORE = {"error_share": 0.0, "p99_ms": 90.0}


def faring(told: Vitals | None, age_s: float = 0.0) -> Cell:
    cell = a_cell("cell-2", age_s=age_s)
    return replace(cell, processes=(replace(cell.processes[0], vitals=told),))


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (WELL, ""),
        (None, ""),
        (replace(WELL, errors=2), ""),
        (replace(WELL, errors=5), "5.0% of the requests of cell-2 fail, 0.0% when the run began"),
        (replace(WELL, requests=10, errors=10), ""),
        (replace(WELL, p99_ms=180), ""),
        (replace(WELL, p99_ms=340), "requests of cell-2 take 340 ms (p99), 90 ms when the run began"),
        (replace(WELL, ready=False), "no process of cell-2 is ready"),
    ],
)
def test_a_cell_that_fares_worse_is_named(told: Vitals | None, sentence: str) -> None:
    assert suffering(faring(told), BEFORE) == sentence


def test_a_cell_without_a_past_is_measured_against_half_a_second() -> None:
    assert baseline(faring(replace(WELL, requests=3)).vital_signs) == {}
    assert suffering(faring(replace(WELL, p99_ms=400)), {}) == ""
    assert suffering(faring(replace(WELL, p99_ms=600)), {}) == "requests of cell-2 take 600 ms (p99), unknown when the run began"


@pytest.mark.parametrize(("cell", "lasts_s"), [(faring(replace(WELL, errors=9)), SUFFERS_S), (faring(WELL, age_s=60), SILENT_S)])
def test_a_run_stops_only_when_it_lasts(cell: Cell, lasts_s: float) -> None:
    facts = {"baseline": {"cell-2": BEFORE}}
    first = watch([cell], facts, 100.0)
    assert (dict(first.since_s), first.line) == ({"cell-2": 100.0}, "")
    later = {**facts, "suffers": dict(first.since_s)}
    assert watch([cell], later, 100.0 + lasts_s - 0.1).line == ""
    assert watch([cell], later, 100.0 + lasts_s).line
    assert watch([faring(WELL)], later, 200.0).since_s == {}, "one good heartbeat in between begins it anew"


STEP = RunStep(1, WorkspaceId("T1"), "acme", CellName("cell-1"), CellName("cell-2"), StepState.WAITING, {"resources": [1]})
PLACED = PlacedLoad(WorkspaceId("T1"), CellName("cell-1"), True, False, "", "", 10.0, 0.0, 1e6)
ROOM = dict.fromkeys(("cell-1", "cell-2"), (100.0, 100.0, 1_000.0, 1e9))
SEES = Outlook(
    PLACED, a_cell("cell-2"), a_cell("cell-1"), {"cell-1": (9, 50, 0, 0), "cell-2": (9, 20, 0, 0)}, ROOM, None, run_age_s=60, pause_ms=60
)
LATELY = Rest(datetime.now(UTC), 30.0, 60.0)


@pytest.mark.parametrize(
    ("sees", "sentence"),
    [
        (SEES, ""),
        (replace(SEES, placed=None), "is gone"),
        (replace(SEES, placed=replace(PLACED, cell=CellName("cell-9"))), "lives in cell-9 by now"),
        (replace(SEES, placed=replace(PLACED, active=False)), "is suspended"),
        (replace(SEES, placed=replace(PLACED, moving=True)), "is being moved already"),
        (replace(SEES, placed=replace(PLACED, pin="cell-1")), "is pinned to cell-1"),
        (replace(SEES, target=replace(a_cell("cell-2"), state=CellState.DRAINING)), "cell-2 is draining"),
        (replace(SEES, rest=LATELY), "was moved meanwhile"),
        (replace(SEES, rest=replace(LATELY, moved_age_s=9e5, paused_ms=129_950)), "its people have waited 130 s this month"),
        (
            replace(SEES, carried={"cell-1": (9, 25, 0, 0), "cell-2": (9, 20, 0, 0)}),
            "would not help any more: cell-1 is 25% full now, cell-2 20%",
        ),
        (
            replace(SEES, carried={"cell-1": (9, 250, 0, 0), "cell-2": (9, 95, 0, 0)}),
            "would not help any more: cell-1 is 250% full now, cell-2 95%",
        ),
    ],
)
def test_a_step_that_cannot_or_would_not_help_is_left_out(sees: Outlook, sentence: str) -> None:
    assert objection(STEP, sees, Policy()) == sentence
