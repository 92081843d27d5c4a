"""Runs between two real cells: a runner that dies at any edge, cells that suffer, orders to stop and to go on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from chassis.identity import ProcessId
from control_plane.moves import MoveRefused
from control_plane.rebalance import Capacities, Order, Rebalancer, RebalanceRefused, Runner
from control_plane.registry import Conflict, LoadReport, Move, Run, RunState, StepState, Vitals
from tests.harness.clock import ManualClock
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.fleet import Fleet, a_fleet, controlled
from tests.harness.workspaces import execute

pytestmark = pytest.mark.anyio

EDGES = ("intended", "begun", "recorded")
WELL = Vitals(2.0, 100, 0, 5.0, 20.0, True, 0, 0)


@dataclass
class Stage:
    """A fleet of which cell-a has 8 workspaces and cell-b none, and runners that are turned by hand."""

    fleet: Fleet
    clock: ManualClock
    vitals: dict[str, Vitals | None]

    def runner(self) -> Runner:
        return Runner(self.fleet.registry, self.fleet.desk, lambda: None, self.clock, lease_s=0.3)

    @property
    def rebalancer(self) -> Rebalancer:
        return Rebalancer(self.fleet.registry, lambda: None)

    async def apply(self, at_once: int = 2) -> Run:
        return await self.rebalancer.apply(Order(at_once=at_once, window_s=0))

    async def killed_at(self, edge: str) -> None:
        """A runner gets as far as `edge` and not a statement further."""
        there, runner = asyncio.Event(), self.runner()

        async def pause(point: str) -> None:
            if point == edge:
                there.set()
                await asyncio.Event().wait()

        runner.pause = pause
        task = asyncio.create_task(runner.run())
        async with asyncio.timeout(30):
            await there.wait()
        task.cancel()
        await asyncio.wait({task})

    async def ended(self, run: Run) -> Run:
        """Turned by one runner until it does not run any more and nothing of it is under way."""
        runner = self.runner()

        async def end() -> Run | None:
            await runner.sweep()
            found = await self.fleet.registry.runs.require(run.id)
            return found if found.id not in {each.id for each in await self.fleet.registry.runs.unfinished()} else None

        found = await eventually(end, within_s=60, every_s=0.3)
        assert found is not None
        return found

    async def rests(self) -> bool:
        """No move is under way: what one leaves in a database keeps it from being dropped."""
        return not await self.fleet.registry.moves.unfinished(limit=1)

    async def lives_in(self, cell: str) -> int:
        return (await self.fleet.registry.cells.require(cell)).workspaces


@pytest.fixture
def two(make_cell_database: Callable[[], FreshDatabase]) -> tuple[FreshDatabase, FreshDatabase]:
    return make_cell_database(), make_cell_database()


@pytest.fixture
async def stage(control_database: FreshDatabase, two: tuple[FreshDatabase, FreshDatabase]) -> AsyncIterator[Stage]:
    async with a_fleet(control_database, two) as fleet:
        stage = Stage(fleet, ManualClock(), dict.fromkeys(("cell-a", "cell-b"), WELL))
        for number in range(8):
            await fleet.workspace(f"acme-{number}", posts=2)
        async with _beating(stage), controlled(fleet.controller()):
            yield stage
            await eventually(stage.rests, within_s=60, every_s=0.3)


@asynccontextmanager
async def _beating(stage: Stage) -> AsyncIterator[None]:
    async def beat() -> None:
        while True:
            for beat in stage.fleet.beats:
                await stage.fleet.registry.heartbeats.record(replace(beat, vitals=stage.vitals[beat.cell]))
            await asyncio.sleep(0.5)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_a_runner_that_dies_at_any_edge_is_gone_on_for_and_nobody_is_moved_twice(stage: Stage) -> None:
    run = await stage.apply()
    planned = {step.workspace_id: step.target for step in await stage.fleet.registry.runs.steps(run.id)}
    assert len(planned) == 4
    for edge in EDGES:
        await stage.killed_at(edge)
    ended = await stage.ended(run)
    assert (ended.state, ended.counts) == (RunState.DONE, {StepState.DONE: 4})
    moves = await stage.fleet.registry.moves.list(limit=100)
    assert {move.workspace_id: move.target for move in moves} == planned and len(moves) == 4
    assert (await stage.lives_in("cell-a"), await stage.lives_in("cell-b")) == (4, 4)
    with pytest.raises(RebalanceRefused, match="nothing to level"):
        await stage.apply()
    steps = await stage.fleet.registry.runs.steps(run.id)
    assert all(step.facts["measured_ms"] > 0 and step.facts["why"] for step in steps)


async def test_two_runners_at_once_do_the_work_of_one(stage: Stage) -> None:
    run = await stage.apply()
    runners = [stage.runner() for _ in range(3)]

    async def turn() -> bool:
        await asyncio.gather(*(runner.sweep() for runner in runners))
        await stage.fleet.registry.runs.claim(run.id, "", 0)  # and leases that change hands at any time
        return (await stage.fleet.registry.runs.require(run.id)).state is RunState.DONE

    await eventually(turn, within_s=60, every_s=0.3)
    assert len(await stage.fleet.registry.moves.list(limit=100)) == 4


async def test_a_run_stops_when_a_cell_suffers_and_goes_on_when_told(stage: Stage) -> None:
    run, runner = await stage.apply(at_once=1), stage.runner()
    await runner.sweep()
    stage.vitals["cell-b"] = replace(WELL, errors=9)

    async def is_noted() -> bool:
        stage.clock.advance(2)
        await runner.sweep()
        return bool((await stage.fleet.registry.runs.require(run.id)).facts["suffers"])

    await eventually(is_noted)
    assert (await stage.fleet.registry.runs.require(run.id)).state is RunState.RUNNING, "one bad heartbeat stops nothing"
    stage.clock.advance(7)
    stopped = await stage.ended(run)
    assert stopped.state is RunState.STOPPED
    assert stopped.problem == "9.0% of the requests of cell-b fail, 0.0% when the run began"
    assert stopped.count(StepState.DONE) >= 1 and stopped.count(StepState.WAITING) >= 1, "what was under way went on to its end"
    stage.vitals["cell-b"] = WELL
    resumed = await stage.rebalancer.resume("")
    assert (resumed.id, resumed.state, resumed.problem) == (run.id, RunState.RUNNING, "")
    assert (await stage.ended(run)).counts == {StepState.DONE: 4}


async def test_orders_are_refused_in_a_sentence(stage: Stage) -> None:
    run = await stage.apply()
    with pytest.raises(Conflict, match="under way already"):
        await stage.apply()
    stopped = await stage.rebalancer.stop(run.id, "ann")
    assert (stopped.state, stopped.problem) == (RunState.STOPPED, "stopped by ann")
    with pytest.raises(RebalanceRefused, match="is stopped already"):
        await stage.rebalancer.stop("", "bob")
    await stage.runner().sweep()
    assert await stage.fleet.registry.moves.list(limit=10) == (), "a run that is stopped begins nothing"
    again = await stage.apply()
    with pytest.raises(RebalanceRefused, match=f"is not the latest, {again.id}"):
        await stage.rebalancer.resume(run.id)
    with pytest.raises(Conflict, match="gone on meanwhile"):
        await stage.fleet.registry.runs.record(replace(again, version=again.version - 1), state=RunState.DONE)
    with pytest.raises(RebalanceRefused, match="1 to 16"):
        Order(at_once=17)


async def test_what_changed_since_the_plan_is_left_out_with_a_reason(stage: Stage) -> None:
    run = await stage.apply()
    steps = await stage.fleet.registry.runs.steps(run.id)
    await stage.fleet.desk.start(steps[0].workspace_id, "cell-b", 0)
    await stage.fleet.registry.workspaces.pin(steps[1].workspace_id, "cell-a")
    await stage.ended(run)
    found = await stage.fleet.registry.runs.steps(run.id)
    assert [step.state for step in found] == [StepState.SKIPPED, StepState.SKIPPED, StepState.DONE, StepState.DONE]
    assert found[0].problem in ("lives in cell-b by now", "is being moved already")
    assert found[1].problem == "is pinned to cell-a"


async def test_a_hot_workspace_goes_to_the_empty_dedicated_cell_and_is_pinned_there(stage: Stage, control_database: FreshDatabase) -> None:
    registry = stage.fleet.registry
    await execute(control_database.owner_url, "UPDATE cells SET dedicated = true WHERE name = 'cell-b'")
    hot = (await registry.workspaces.require("acme-3")).id
    for seq in (1, 1_000):
        await registry.loads.record("cell-a", ProcessId("cell-a-1"), [LoadReport(hot, seq=seq)])
    run = await replace(stage.rebalancer, capacities=Capacities(events_per_s=5)).apply(Order(window_s=0))
    assert (await stage.ended(run)).counts == {StepState.DONE: 1}
    found = await registry.workspaces.require("acme-3")
    assert (found.cell, dict(found.pins)) == ("cell-b", {"cell": "cell-b"})
    await registry.workspaces.unpin(hot, "cell-a")
    assert (await registry.workspaces.require("acme-3")).pins, "a pin to another cell is somebody else's"


async def test_moves_that_are_undone_stop_a_run_and_refused_ones_wait(stage: Stage) -> None:
    desk, registry = stage.fleet.desk, stage.fleet.registry

    class Refusing:
        async def start(self, reference: str, target: str, window_s: float | None) -> Move:
            raise MoveRefused("cell-b: no replication slot is left")

    class Aborting:
        async def start(self, reference: str, target: str, window_s: float | None) -> Move:
            return await desk.abort((await desk.start(reference, target, window_s)).id)

    run, runner = await stage.apply(at_once=1), stage.runner()
    runner.mover = Refusing()
    await runner.sweep()
    (waiting, *_) = await registry.runs.steps(run.id, StepState.WAITING)
    assert (waiting.number, waiting.problem) == (1, "cell-b: no replication slot is left")
    stage.clock.advance(1_000)
    await runner.sweep()
    assert (await registry.runs.require(run.id)).count(StepState.SKIPPED) == 1, "it was refused for long enough"
    runner.mover = Aborting()

    async def stops() -> Run | None:
        stage.clock.advance(6)
        await runner.sweep()
        found = await registry.runs.require(run.id)
        return found if found.state is RunState.STOPPED else None

    stopped = await eventually(stops, within_s=60, every_s=0.3)
    assert stopped is not None
    assert stopped.problem.startswith("3 moves in a row were undone; the last was acme-")
    assert await stage.lives_in("cell-b") == 0
