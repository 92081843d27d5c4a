"""Deciding a failover: one commit with the workspace's row, at the next epoch, and never for a cell that is not given up."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from control_plane.registry import Cell, CellState, Conflict, FailoverStage, Registry, Workspace, WorkspaceState, open_registry
from tests.harness.databases import FreshDatabase
from tests.slice.test_registry import beat, creating

pytestmark = pytest.mark.anyio


@pytest.fixture
async def registry(control_database: FreshDatabase) -> AsyncIterator[Registry]:
    async with open_registry(control_database.app_url, pool_size=16) as opened:
        await opened.heartbeats.record(beat("cell-1", "p1", "127.0.0.1:9001"))
        await opened.heartbeats.record(beat("cell-2", "p2", "127.0.0.1:9002"))
        yield opened


async def living(registry: Registry, name: str) -> Workspace:
    return await registry.workspaces.change_state(await creating(registry, name), WorkspaceState.ACTIVE)


async def both(registry: Registry) -> tuple[Cell, Cell]:
    return await registry.cells.require("cell-1"), await registry.cells.require("cell-2")


async def test_only_a_cell_that_was_given_up_loses_its_workspaces(registry: Registry) -> None:
    row = await living(registry, "acme")
    source, target = await both(registry)
    with pytest.raises(Conflict):
        await registry.failovers.decide(row, source, target)
    await registry.cells.change_state("cell-1", CellState.ACTIVE, CellState.LOST)
    await registry.workspaces.pin(row.id, "cell-1")
    row = await registry.workspaces.require(row.id)
    outcomes = await asyncio.gather(*(registry.failovers.decide(row, source, target) for _ in range(8)), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict"] * 7 + ["NoneType"]
    given = await registry.workspaces.require("acme")
    assert (given.cell, given.epoch, dict(given.pins)) == ("cell-2", row.epoch + 1, {"cell": "cell-2"})


async def test_routers_have_no_way_to_a_lost_cell_though_it_is_heard_of(registry: Registry) -> None:
    await registry.cells.change_state("cell-1", CellState.ACTIVE, CellState.LOST)
    assert await registry.heartbeats.record(beat("cell-1", "p1", "127.0.0.1:9001")) is False
    await registry.heartbeats.record(beat("cell-1", "p3", "127.0.0.1:9003"))
    entries = {entry.name: (entry.state, len(entry.endpoints)) for entry in (await registry.directory.changes_since(0)).cells}
    assert (entries["cell-1"], entries["cell-2"]) == ((CellState.LOST, 0), (CellState.ACTIVE, 1))  # type: ignore[index]
    assert (await registry.cells.require("cell-1")).healthy


async def test_what_was_decided_is_owed_until_it_is_done(registry: Registry) -> None:
    row = await living(registry, "acme")
    source, target = await both(registry)
    await registry.cells.change_state("cell-1", CellState.ACTIVE, CellState.LOST)
    await registry.failovers.decide(row, source, target)
    for stage, after in ((FailoverStage.OPENING, FailoverStage.FENCING), (FailoverStage.FENCING, FailoverStage.DONE)):
        (owed,) = await registry.failovers.unfinished(limit=10)
        assert (owed.name, owed.source, owed.target, owed.epoch, owed.stage) == ("acme", "cell-1", "cell-2", 2, stage)
        assert await registry.failovers.owed_by("cell-1") and not await registry.failovers.owed_by("cell-2")
        await registry.failovers.note_problem(owed, "away")
        await registry.failovers.advance(owed, after)
        await registry.failovers.advance(owed, after)  # somebody else was as quick
    assert await registry.failovers.unfinished(limit=10) == () and not await registry.failovers.owed_by("cell-1")
