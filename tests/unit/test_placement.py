"""Placement, over fleets that Hypothesis makes up."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.identity import CellName, ProcessId
from control_plane.placement import PlacementRefused, Wish, place
from control_plane.registry import Cell, CellState, Process

REGIONS = ("eu", "us")
NAMES = tuple(f"cell-{number}" for number in range(1, 7))


def process(age_s: float = 1.0, connections: int = 0, messages_per_s: float = 0.0) -> Process:
    return Process(ProcessId("p"), "h:1", ("api",), "0", "0", age_s, connections=connections, messages_per_s=messages_per_s)


def cell(
    name: str = "cell-1",
    region: str = "eu",
    state: CellState = CellState.ACTIVE,
    dedicated: bool = False,
    capacity: int = 10,
    workspaces: int = 0,
    processes: tuple[Process, ...] | None = None,
) -> Cell:
    living = (process(),) if processes is None else processes
    return Cell(CellName(name), region, state, dedicated, capacity, 1, workspaces, living)


processes = st.builds(
    process, age_s=st.floats(0, 30), connections=st.integers(0, 40_000), messages_per_s=st.floats(0, 2_000, allow_nan=False)
)
a_cell = st.builds(
    cell,
    name=st.sampled_from(NAMES),
    region=st.sampled_from(REGIONS),
    state=st.sampled_from(CellState),
    dedicated=st.booleans(),
    capacity=st.integers(0, 5),
    workspaces=st.integers(0, 5),
    processes=st.lists(processes, max_size=2).map(tuple),
)
fleets = st.lists(a_cell, max_size=6, unique_by=lambda each: each.name)
wishes = st.builds(Wish, region=st.sampled_from(("", *REGIONS)), pin=st.sampled_from(("", *NAMES)))


def would_do(wish: Wish, each: Cell) -> bool:
    """The rules, said once more and all at a time."""
    asked_for = each.name == wish.pin if wish.pin else not each.dedicated
    serving = each.state == CellState.ACTIVE and each.healthy
    return asked_for and serving and wish.region in ("", each.region) and each.workspaces < each.capacity_workspaces


@given(wishes, fleets)
def test_the_cell_chosen_is_the_least_loaded_of_those_that_would_do(wish: Wish, fleet: list[Cell]) -> None:
    fitting = [each for each in fleet if would_do(wish, each)]
    if not fitting:
        with pytest.raises(PlacementRefused):
            place(wish, fleet)
        return
    chosen = {each.name: each for each in fleet}[place(wish, fleet).cell]
    assert chosen in fitting
    assert all(chosen.load <= each.load for each in fitting)


@given(wishes, fleets)
def test_the_reason_is_one_sentence_either_way(wish: Wish, fleet: list[Cell]) -> None:
    try:
        why = place(wish, fleet).why
    except PlacementRefused as refused:
        why = str(refused)
    assert why and "\n" not in why and len(why) < 500


@given(wishes, fleets, st.randoms())
def test_the_order_in_which_cells_are_listed_does_not_matter(wish: Wish, fleet: list[Cell], random: Random) -> None:
    shuffled = list(fleet)
    random.shuffle(shuffled)
    assert outcome(wish, fleet)[:1] == outcome(wish, shuffled)[:1]


def outcome(wish: Wish, fleet: list[Cell]) -> tuple[str, str]:
    try:
        placement = place(wish, fleet)
    except PlacementRefused as refused:
        return "", str(refused)
    return placement.cell, placement.why


@given(st.integers(1, 5), st.integers(1, 4))
def test_capacity_is_filled_evenly_and_never_exceeded(cells: int, capacity: int) -> None:
    held = {f"cell-{number}": 0 for number in range(1, cells + 1)}
    for _ in range(cells * capacity):
        held[place(Wish(), [cell(name, capacity=capacity, workspaces=count) for name, count in held.items()]).cell] += 1
        assert max(held.values()) - min(held.values()) <= 1
    with pytest.raises(PlacementRefused, match="has room"):
        place(Wish(), [cell(name, capacity=capacity, workspaces=count) for name, count in held.items()])


@pytest.mark.parametrize(
    ("wish", "fleet", "sentence"),
    [
        (Wish(), [], "there are no cells yet; create one with: waggle cell create"),
        (Wish(region="us"), [cell()], "no cell is in region 'us'; there are cells in: eu"),
        (Wish(pin="cell-9"), [cell()], "there is no cell 'cell-9'; there are: cell-1"),
        (Wish(region="us", pin="cell-1"), [cell(), cell("cell-2", "us")], "there is no cell 'cell-1' in region 'us'; there are: cell-2"),
        (Wish(), [cell(dedicated=True)], "every cell that would do is dedicated (cell-1) and takes pinned workspaces only"),
        (Wish(), [cell(state=CellState.DRAINING)], "no cell that would do is active: cell-1 is draining"),
        (Wish(), [cell(processes=(process(age_s=11),))], "no cell that would do was heard of in the last 10 s: cell-1"),
        (Wish(), [cell(capacity=2, workspaces=2)], "no cell that would do has room: cell-1 holds 2 of 2"),
    ],
)
def test_refusals_name_what_is_missing(wish: Wish, fleet: list[Cell], sentence: str) -> None:
    with pytest.raises(PlacementRefused) as refused:
        place(wish, fleet)
    assert str(refused.value) == sentence


def test_a_pin_is_the_way_into_a_dedicated_cell() -> None:
    assert place(Wish(pin="cell-1"), [cell(dedicated=True)]).why == "cell-1: the workspace is pinned to it"


def test_a_busy_cell_is_avoided_though_it_holds_fewer_workspaces() -> None:
    busy = cell("cell-1", workspaces=0, processes=(process(messages_per_s=900),))
    assert place(Wish(), [busy, cell("cell-2", workspaces=5)]).cell == "cell-2"
