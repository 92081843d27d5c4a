"""The state machines of cells and workspaces."""

import itertools

import pytest

from control_plane.registry.states import (
    CELL_MOVES,
    UNFINISHED,
    WORKSPACE_MOVES,
    CellState,
    WorkspaceState,
    cell_may,
    route_state,
    workspace_may,
)


def test_every_state_is_in_its_machine() -> None:
    assert set(CELL_MOVES) == set(CellState)
    assert set(WORKSPACE_MOVES) == set(WorkspaceState)


@pytest.mark.parametrize("state", sorted(UNFINISHED))
def test_an_unfinished_state_has_a_way_out(state: WorkspaceState) -> None:
    assert WORKSPACE_MOVES[state] - UNFINISHED


def test_ends_are_ends() -> None:
    assert not any(cell_may(CellState.RETIRED, after) for after in CellState)
    assert not any(workspace_may(WorkspaceState.GONE, after) for after in WorkspaceState)


def test_nobody_stays_where_they_are_by_a_transition() -> None:
    assert not any(workspace_may(state, state) for state in WorkspaceState)
    assert not any(cell_may(state, state) for state in CellState)


def test_every_state_can_be_reached() -> None:
    reached = {WorkspaceState.CREATING}
    for _, before in itertools.product(WorkspaceState, WorkspaceState):
        if before in reached:
            reached |= WORKSPACE_MOVES[before]
    assert reached == set(WorkspaceState)


def test_a_workspace_is_routed_from_its_activation_on() -> None:
    assert {state: route_state(state) for state in WorkspaceState} == {
        WorkspaceState.CREATING: None,
        WorkspaceState.ACTIVE: "active",
        WorkspaceState.SUSPENDING: "suspended",
        WorkspaceState.SUSPENDED: "suspended",
        WorkspaceState.RESUMING: "suspended",
        WorkspaceState.GONE: "gone",
    }
