"""The registry on a real PostgreSQL: compare-and-set, order of versions, exact capacity."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import asyncpg
import pytest

from chassis.identity import CellName, ProcessId, make_workspace_id
from control_plane.registry import (
    Cell,
    CellState,
    Conflict,
    Draft,
    Heartbeat,
    NameTaken,
    Registry,
    TransitionRefused,
    Vitals,
    VitalSigns,
    Workspace,
    WorkspaceState,
    counting,
    open_registry,
)
from tests.harness.databases import FreshDatabase

pytestmark = pytest.mark.anyio


@pytest.fixture
async def registry(control_database: FreshDatabase) -> AsyncIterator[Registry]:
    async with open_registry(control_database.app_url, pool_size=16) as opened:
        await opened.heartbeats.record(beat())
        yield opened


def beat(cell: str = "cell-1", process_id: str = "p1", address: str = "127.0.0.1:9001", draining: bool = False) -> Heartbeat:
    return Heartbeat(CellName(cell), "local", ProcessId(process_id), address, ("api",), "0.1", "0001", 0, 0, 0.0, 0, draining)


def draft(name: str) -> Draft:
    return Draft(make_workspace_id(), name, "free", "", {}, "ann@acme.example")


async def creating(registry: Registry, name: str) -> Workspace:
    return await registry.workspaces.insert(draft(name), lambda cells: cells[0].name)


async def test_of_many_who_change_one_row_exactly_one_succeeds(registry: Registry) -> None:
    row = await creating(registry, "acme")
    before = (await registry.directory.changes_since(0)).version

    tries = [registry.workspaces.change_state(row, WorkspaceState.ACTIVE) for _ in range(32)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)

    assert [type(each) for each in outcomes].count(Workspace) == 1
    assert [type(each) for each in outcomes].count(Conflict) == 31
    assert (await registry.directory.changes_since(0)).version == before + 1  # the losers' versions were rolled back


async def test_a_row_that_left_and_came_back_is_not_the_row_that_was_read(registry: Registry) -> None:
    row = await registry.workspaces.change_state(await creating(registry, "acme"), WorkspaceState.ACTIVE)
    for state in (WorkspaceState.SUSPENDING, WorkspaceState.SUSPENDED, WorkspaceState.RESUMING, WorkspaceState.ACTIVE):
        await registry.workspaces.change_state(await registry.workspaces.require("acme"), state)

    with pytest.raises(Conflict):
        await registry.workspaces.change_state(row, WorkspaceState.SUSPENDING)


async def test_the_state_machine_is_asked_first(registry: Registry) -> None:
    row = await creating(registry, "acme")
    with pytest.raises(TransitionRefused):
        await registry.workspaces.change_state(row, WorkspaceState.SUSPENDED)
    with pytest.raises(TransitionRefused):
        await registry.cells.change_state("cell-1", CellState.ACTIVE, CellState.PROVISIONING)
    with pytest.raises(Conflict):
        await registry.cells.change_state("cell-1", CellState.DRAINING, CellState.ACTIVE)


async def test_one_name_is_given_once(registry: Registry) -> None:
    outcomes = await asyncio.gather(*(creating(registry, "acme") for _ in range(16)), return_exceptions=True)

    assert [type(each) for each in outcomes].count(Workspace) == 1
    assert [type(each) for each in outcomes].count(NameTaken) == 15


async def test_placements_count_those_before_them(registry: Registry) -> None:
    capacity = 3

    def choose(cells: Sequence[Cell]) -> CellName:
        if cells[0].workspaces >= capacity:
            raise TransitionRefused("full")
        return cells[0].name

    tries = [registry.workspaces.insert(draft(f"w-{number}"), choose) for number in range(12)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)

    assert [type(each) for each in outcomes].count(Workspace) == capacity
    assert await registry.workspaces.count() == capacity


async def test_two_replicas_with_old_figures_fill_no_cell_beyond_its_capacity(
    registry: Registry, control_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a large fleet not all is counted each time: what one cell holds is, where it matters."""
    monkeypatch.setattr(counting, "MANY", 1)
    await registry.heartbeats.record(beat("cell-2", address="127.0.0.1:9002"))

    def choose(cells: Sequence[Cell]) -> CellName:
        least = min(cells, key=lambda cell: cell.workspaces)
        if least.workspaces >= 3:
            raise TransitionRefused("full")
        return least.name

    async with open_registry(control_database.app_url) as other:
        for number in range(6):
            await (other if number % 2 else registry).workspaces.insert(draft(f"w-{number}"), choose)
        for replica in (registry, other):
            assert [(await replica.cells.require(name)).workspaces for name in ("cell-1", "cell-2")] == [3, 3]
            with pytest.raises(TransitionRefused, match="full"):
                await replica.workspaces.insert(draft("one-more"), choose)
        taken_back = await registry.workspaces.require("w-0")
        await registry.workspaces.remove_refused(taken_back)
        assert (await other.cells.require(taken_back.cell)).workspaces == 2
        assert (await other.workspaces.insert(draft("one-more"), choose)).cell == taken_back.cell


async def test_who_has_read_up_to_a_version_never_finds_something_older_later(registry: Registry) -> None:
    """Writers at once and a reader that asks only for what is newer: nothing is missed, nothing comes twice."""
    rows = [await creating(registry, f"w-{number}") for number in range(40)]
    writing = asyncio.gather(*(registry.workspaces.change_state(row, WorkspaceState.ACTIVE) for row in rows))
    seen: list[tuple[int, str]] = []
    version = (await registry.directory.changes_since(0)).version
    held = 1  # a version at which no workspace was routed
    while len(seen) < len(rows):
        changes = await registry.directory.changes_since(held)
        seen += [(route.version, route.workspace_id) for route in changes.routes]
        held = changes.version
        await asyncio.sleep(0)
    await writing

    assert sorted(identifier for _, identifier in seen) == sorted(row.id for row in rows)
    assert [at for at, _ in seen] == sorted({at for at, _ in seen})
    assert held <= version + len(rows)


async def test_what_is_being_created_has_no_route(registry: Registry) -> None:
    await creating(registry, "acme")
    assert (await registry.directory.changes_since(0)).routes == ()


async def test_next_free_cell_name_fills_gaps(registry: Registry) -> None:
    await registry.cells.insert("cell-3", "local", dedicated=False, capacity_workspaces=10)
    made = [await registry.cells.insert("", "local", dedicated=False, capacity_workspaces=10) for _ in range(2)]
    assert [cell.name for cell in made] == ["cell-2", "cell-4"]
    with pytest.raises(NameTaken):
        await registry.cells.insert("cell-3", "local", dedicated=False, capacity_workspaces=10)


async def test_a_retired_cell_is_not_taken_back(registry: Registry) -> None:
    await registry.cells.change_state("cell-1", CellState.ACTIVE, CellState.DRAINING)
    await registry.cells.change_state("cell-1", CellState.DRAINING, CellState.RETIRED)
    with pytest.raises(TransitionRefused):
        await registry.heartbeats.record(beat())


async def test_a_silent_process_is_forgotten_unless_it_is_its_cells_last(registry: Registry, control_database: FreshDatabase) -> None:
    await went_silent(control_database, "p1")
    assert not (await registry.cells.require("cell-1")).healthy
    assert not await registry.heartbeats.forget_silent(60)

    await registry.heartbeats.record(beat(process_id="p2", address="127.0.0.1:9002"))
    before = (await registry.directory.changes_since(0)).version
    assert await registry.heartbeats.forget_silent(60)

    changes = await registry.directory.changes_since(before)
    assert [process for _, _, process in changes.cells[0].endpoints] == ["p2"]


async def test_a_leaving_process_leaves_the_directory_unless_it_is_its_cells_last(registry: Registry) -> None:
    await registry.heartbeats.record(beat(process_id="p2", address="127.0.0.1:9002"))
    assert await registry.heartbeats.record(beat(draining=True))
    assert not await registry.heartbeats.record(beat(process_id="p2", address="127.0.0.1:9002", draining=True))

    cell = await registry.cells.require("cell-1")
    assert [process.process_id for process in cell.processes] == ["p2"] and not cell.healthy


async def went_silent(database: FreshDatabase, process_id: str) -> None:
    connection = await asyncpg.connect(database.owner_url)
    await connection.execute("UPDATE cell_processes SET heartbeat_at = now() - interval '2 minutes' WHERE process_id = $1", process_id)
    await connection.close()


async def test_an_admin_token_is_stored_as_a_digest(registry: Registry, control_database: FreshDatabase) -> None:
    token = await registry.tokens.insert("ann")
    assert await registry.tokens.name_of(token) == "ann"
    assert await registry.tokens.name_of(token[:-1] + "x") is None
    await registry.tokens.remove("ann")
    assert await registry.tokens.name_of(token) is None


async def test_a_cell_s_vital_signs_are_the_sums_and_the_worst_of_those_heard_of_lately(
    registry: Registry, control_database: FreshDatabase
) -> None:
    assert await registry.cells.vital_signs("cell-1") is None  # a process of an older version does not tell
    for number, p99_ms in enumerate((12.5, 40.0, 9000.0)):
        told = Vitals(2.0, 100, number, 3.0, p99_ms, number != 1, 1000 * number, 5000)
        await registry.heartbeats.record(replace(beat("cell-1", f"told-{number}", f"127.0.0.1:910{number}"), vitals=told))
    await went_silent(control_database, "told-2")

    assert await registry.cells.vital_signs("cell-1") == VitalSigns(2, 1, 200, 100.0, 1, 3.0, 40.0, 1000, 5000)
    await registry.heartbeats.record(beat("cell-1", "told-0", "127.0.0.1:9100"))
    after = await registry.cells.vital_signs("cell-1")
    assert after is not None and (after.processes, after.errors) == (1, 1)
