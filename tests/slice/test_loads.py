"""Load by workspace on a real PostgreSQL: averages that decay, reports that come twice, processes and workspaces that go."""

from collections.abc import AsyncIterator

import pytest

from chassis.identity import CellName, ProcessId, WorkspaceId, make_workspace_id
from control_plane.registry import Draft, LoadReport, PlacedLoad, Registry, WorkspaceState, open_registry
from control_plane.registry.load_facts import DECAY_S, KNOWN_S_MIN
from tests.harness.databases import FreshDatabase
from tests.harness.workspaces import execute
from tests.slice.test_registry import beat

pytestmark = pytest.mark.anyio
P1, P2 = ProcessId("p1"), ProcessId("p2")


@pytest.fixture
async def registry(control_database: FreshDatabase) -> AsyncIterator[Registry]:
    async with open_registry(control_database.app_url) as opened:
        await opened.heartbeats.record(beat())
        await opened.heartbeats.record(beat(process_id="p2", address="127.0.0.1:9002"))
        await opened.heartbeats.record(beat("cell-2", "q1", "127.0.0.1:9003"))
        yield opened


async def living(registry: Registry, name: str, cell: str = "cell-1") -> WorkspaceId:
    draft = Draft(make_workspace_id(), name, "free", "", {}, "ann@acme.example")
    row = await registry.workspaces.insert(draft, lambda _: CellName(cell))
    await registry.workspaces.change_state(row, WorkspaceState.ACTIVE)
    return row.id


async def passes(database: FreshDatabase, hours: float) -> None:
    """Time, for the averages."""
    shift = f"UPDATE workspace_loads SET at = at - interval '{hours} h', since = since - interval '{hours} h'"
    await execute(database.owner_url, shift)


async def load_of(registry: Registry, workspace_id: WorkspaceId) -> PlacedLoad:
    found = await registry.loads.get(workspace_id)
    assert found is not None
    return found


async def test_a_steady_rate_is_found_and_decays_when_nothing_more_is_said(registry: Registry, control_database: FreshDatabase) -> None:
    acme = await living(registry, "acme")
    for hour in range(6):
        for quarter in range(4):
            await registry.loads.record("cell-1", P1, [LoadReport(acme, seq=1_000 + 7200 * hour + 1800 * quarter)])
            await passes(control_database, 0.25)
    assert (await load_of(registry, acme)).events_per_s == pytest.approx(2.0, rel=0.2)
    await passes(control_database, DECAY_S / 3600)
    assert (await load_of(registry, acme)).events_per_s == pytest.approx(2.0 / 2.718, rel=0.2)


async def test_the_first_report_counts_nothing_and_one_burst_makes_nobody_busy(registry: Registry) -> None:
    acme = await living(registry, "acme")
    await registry.loads.record("cell-1", P1, [LoadReport(acme, seq=5_000_000, bytes=70_000)])
    assert (await load_of(registry, acme)).events_per_s == 0
    await registry.loads.record("cell-1", P1, [LoadReport(acme, seq=5_000_600)])
    found = await load_of(registry, acme)
    assert found.events_per_s == pytest.approx(600 / KNOWN_S_MIN, rel=0.1)
    assert found.bytes == 70_000, "a report without a size leaves the one before"


async def test_a_report_that_comes_twice_or_late_or_from_two_processes_counts_once(registry: Registry) -> None:
    acme = await living(registry, "acme")
    for process, seq in ((P1, 100), (P2, 100), (P1, 400), (P2, 300), (P2, 400), (P1, 400)):
        await registry.loads.record("cell-1", process, [LoadReport(acme, seq=seq)])
    assert (await load_of(registry, acme)).events_per_s == pytest.approx(300 / KNOWN_S_MIN, rel=0.1)


async def test_a_cell_that_a_workspace_has_left_is_not_listened_to(registry: Registry) -> None:
    acme = await living(registry, "acme", "cell-2")
    await registry.loads.record("cell-1", P1, [LoadReport(acme, seq=10), LoadReport(WorkspaceId("T00UNKNOWN"), seq=10)])
    await registry.loads.record("cell-1", P1, [LoadReport(acme, seq=90_000)])
    await registry.loads.record("cell-2", ProcessId("q1"), [LoadReport(acme, seq=20)])
    assert (await load_of(registry, acme)).events_per_s == 0
    assert (await registry.loads.carried(["cell-1", "cell-2"]))["cell-2"][0] == 1


async def test_connections_are_summed_over_living_processes(registry: Registry, control_database: FreshDatabase) -> None:
    acme = await living(registry, "acme")
    await registry.loads.record("cell-1", P1, [LoadReport(acme, connections=3)])
    await registry.loads.record("cell-1", P2, [LoadReport(acme, connections=4)])
    await registry.loads.record("cell-1", ProcessId("stranger"), [LoadReport(acme, connections=900)])
    assert (await load_of(registry, acme)).connections == 7
    await registry.loads.record("cell-1", P2, [LoadReport(acme, connections=0)])
    assert (await load_of(registry, acme)).connections == 3
    await execute(
        control_database.owner_url, "UPDATE cell_processes SET heartbeat_at = heartbeat_at - interval '1 min' WHERE process_id = 'p1'"
    )
    assert (await load_of(registry, acme)).connections == 0


async def test_a_workspace_on_its_way_counts_where_it_goes(registry: Registry) -> None:
    acme = await living(registry, "acme")
    await registry.loads.record("cell-1", P1, [LoadReport(acme, seq=1, bytes=500)])
    move = await registry.moves.insert(await registry.workspaces.require("acme"), "cell-2", {})
    (placed,) = await registry.loads.page("", 10)
    assert (placed.cell, placed.moving, placed.active) == ("cell-2", True, True)
    carried = await registry.loads.carried(["cell-1", "cell-2"])
    assert (carried["cell-1"], carried["cell-2"]) == ((0, 0, 0, 0), (1, 0, 0, 500))
    await registry.moves.record(move, move.step, {"failed": "copy: broken"})
    assert (await load_of(registry, acme)).cell == "cell-1", "one that is being undone stays"


async def test_pauses_are_added_up(registry: Registry) -> None:
    await living(registry, "acme")
    assert await registry.loads.pause_ms() is None
    for number in range(6):
        move = await registry.moves.insert(await registry.workspaces.require("acme"), "cell-2", {"pause_ms": 10.0 * (number + 1)})
        await registry.moves.record(move, move.step, move.facts, state=type(move.state).UNDONE)
    (rest,) = (await registry.loads.rests(3600)).values()
    assert rest.paused_ms == 210 and rest.moved_age_s < 60
    assert await registry.loads.pause_ms() == pytest.approx(55)
