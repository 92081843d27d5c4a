"""Plans for real fleets: hysteresis, rest, pause budget, pins, cells of their own; a fleet that was levelled stays as it is."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.identity import CellName, ProcessId
from control_plane.rebalance.planning import Census, Draft, draft
from control_plane.rebalance.policy import Capacities, Policy
from control_plane.registry import Cell, CellState, Process, Rest

CAPACITIES = Capacities(events_per_s=100, connections=1_000, bytes=1e9)


def a_cell(name: str, capacity: int = 100, region: str = "local", dedicated: bool = False, age_s: float = 0.0) -> Cell:
    process = Process(ProcessId(f"{name}-1"), "127.0.0.1:1", ("api",), "1", "1", age_s)
    return Cell(CellName(name), region, CellState.ACTIVE, dedicated, capacity, 1, 0, (process,))


def a_census(cells: list[Cell], homes: list[int], events: list[float], rests: Mapping[str, Rest] | None = None) -> Census:
    count = len(homes)
    loads = np.stack([np.ones(count), np.array(events), np.zeros(count), np.full(count, 1e6)], axis=1)
    ids = [f"T{number:06}" for number in range(count)]
    return Census(cells, ids, loads, np.array(homes, dtype=np.int64), np.ones(count, dtype=bool), rests or {}, 60.0)


def a_random_census(seed: int, cells: int = 4, workspaces: int = 300) -> Census:
    random = np.random.default_rng(seed)
    homes = np.minimum(random.integers(0, cells, workspaces), random.integers(0, cells, workspaces))
    events = random.lognormal(0, 1, workspaces)
    census = a_census([a_cell(f"cell-{number}", 200) for number in range(cells)], homes.tolist(), (events / events.sum() * 150).tolist())
    census.loads[:, 2:] = np.stack([random.lognormal(1, 1, workspaces), random.lognormal(13, 1, workspaces)], axis=1)
    return census


def carried_out(census: Census, made: Draft) -> Census:
    home, place = census.home.copy(), {cell.name: at for at, cell in enumerate(census.cells)}
    for step in made.steps:
        home[census.ids.index(step.workspace_id)] = place[CellName(step.target)]
    return replace(census, home=home)


def just_moved(made: Draft) -> dict[str, Rest]:
    return {step.workspace_id: Rest(datetime.now(UTC), 60.0, 60.0) for step in made.steps}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_each_step_lowers_the_imbalance_and_a_second_plan_is_empty(seed: int) -> None:
    census = a_random_census(seed)
    made = draft(census, CAPACITIES)
    told = [made.imbalance_before, *(step.imbalance for step in made.steps)]
    assert all(after < before for before, after in pairwise(told))
    assert made.imbalance_after == told[-1]
    assert len({step.workspace_id for step in made.steps}) == len(made.steps), "nobody is moved twice"
    assert draft(census, CAPACITIES).steps == made.steps
    assert draft(replace(carried_out(census, made), rests=just_moved(made)), CAPACITIES).steps == ()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_loads_that_wobble_move_nobody_back(seed: int) -> None:
    """Without any rest: the band between start and tolerance alone keeps a levelled fleet still."""
    census, random = a_random_census(seed), np.random.default_rng(seed)
    census = replace(census, loads=np.minimum(census.loads, np.quantile(census.loads, 0.97, axis=0)))  # nobody is larger than the gaps
    left: dict[str, set[str]] = {}
    moved = []
    for _ in range(8):
        made = draft(census, CAPACITIES, Policy(cool_down_s=0))
        for step in made.steps:
            assert step.target not in left.get(step.workspace_id, ()), "ping-pong"
            left.setdefault(step.workspace_id, set()).add(step.source)
        moved.append(len(made.steps))
        census = carried_out(census, made)
        wobble = random.lognormal(0, 0.05, census.loads[:, 1:].shape)
        census = replace(census, loads=np.concatenate([census.loads[:, :1], census.loads[:, 1:] * wobble], axis=1))
    assert moved[0] > 10 * sum(moved[1:])


def test_a_fleet_within_the_band_and_an_idle_one_are_left_alone() -> None:
    cells = [a_cell("cell-1"), a_cell("cell-2")]
    assert draft(a_census(cells, [0] * 56 + [1] * 44, [0.0] * 100), CAPACITIES).steps == ()
    assert len(draft(a_census(cells, [0] * 60 + [1] * 40, [0.0] * 100), CAPACITIES).steps) >= 6
    assert draft(a_census(cells, [0] * 4, [0.0] * 4), CAPACITIES).steps == (), "4 of 100 workspaces are no burden, wherever they are"


def test_who_was_moved_lately_or_waited_enough_or_is_pinned_stays() -> None:
    cells = [a_cell("cell-1", 20), a_cell("cell-2", 20)]
    names = [f"T{number:06}" for number in range(10)]
    lately = {name: Rest(datetime.now(UTC), 6 * 86400.0, 0.0) for name in names[:3]}
    waited = {name: Rest(datetime.now(UTC), 20 * 86400.0, 129_990.0) for name in names[3:6]}
    census = a_census(cells, [0] * 10, [0.0] * 10, lately | waited)
    census.settled[6] = False
    made = draft(census, CAPACITIES)
    assert {step.workspace_id for step in made.steps} == {names[7], names[8], names[9]}
    assert (made.resting, made.spent) == (3, 3)


def test_equal_workspaces_are_shared_out_though_rounding_makes_one_larger_than_its_gap() -> None:
    cells = [a_cell("cell-1", 1_000), a_cell("cell-2", 1_000), a_cell("cell-3", 1_000)]
    made = draft(a_census(cells, [0] * 6, [7.0, 7.0001, 7.0002, 7.0003, 7.0004, 7.0005]), CAPACITIES)
    assert sorted(step.target for step in made.steps) == ["cell-2", "cell-2", "cell-3", "cell-3"]


def test_regions_are_levelled_apart_and_silent_and_dedicated_cells_take_nobody() -> None:
    cells = [a_cell("a"), a_cell("b", dedicated=True), a_cell("c", age_s=60), a_cell("d", region="north"), a_cell("e", region="north")]
    made = draft(a_census(cells, [0] * 40 + [3] * 40, [1.0] * 80), CAPACITIES)
    assert {(step.source, step.target) for step in made.steps} == {("d", "e")}
    assert draft(a_census(cells, [0] * 40 + [3] * 40, [1.0] * 80), CAPACITIES, region="local").steps == ()


def test_a_hot_workspace_gets_the_empty_cell_of_its_own_and_else_is_named() -> None:
    shared = [a_cell("cell-1"), a_cell("cell-2")]
    events = [45.0] + [1.0] * 30
    homes = [0] * 16 + [1] * 15
    named = draft(a_census(shared, homes, events), CAPACITIES)
    assert "T000000" not in {step.workspace_id for step in named.steps}
    assert named.hot[0].line.startswith("alone takes 45% of a cell's events/s: deserves a cell of its own, and none is empty")
    own = [*shared, a_cell("own", dedicated=True), a_cell("own-2", dedicated=True, region="north")]
    first = draft(a_census(own, homes, events), CAPACITIES).steps[0]
    assert (first.workspace_id, first.target, first.pin) == ("T000000", "own", True)
    assert first.why == "alone takes 45% of a cell's events/s; own is dedicated and empty"
    after = carried_out(a_census(own, homes, events), draft(a_census(own, homes, events), CAPACITIES))
    assert draft(after, CAPACITIES).hot == (), "there it is at home"


def test_a_line_says_why() -> None:
    made = draft(a_census([a_cell("cell-1", 20), a_cell("cell-2", 20)], [0] * 10, [0.0] * 10), CAPACITIES)
    assert made.steps[0].why == "cell-1 is 50% full of workspaces, cell-2 0%; even is 25%"
    assert (made.steps[0].bytes, made.steps[0].pause_ms) == (1e6, 60.0)


def test_nothing_is_levelled_where_nothing_is() -> None:
    assert draft(a_census([], [], []), CAPACITIES).steps == ()
    assert draft(a_census([a_cell("cell-1")], [0] * 90, [1.0] * 90), CAPACITIES).steps == ()
