"""Carries runs out. All memory is the rows, so any replica takes the next turn, and any may die at any point of one."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from prometheus_client import Counter

from chassis.clock import Clock
from chassis.errors import WaggleError
from control_plane.rebalance.gathering import pause_ms_expected
from control_plane.rebalance.judging import FAILURES_MAX, Outlook, adopted, objection, settled, watch
from control_plane.rebalance.planning import capacity_of
from control_plane.rebalance.policy import Capacities, Policy
from control_plane.registry import DATABASE_AWAY, UNDER_WAY, Conflict, Move, Registry, Run, RunState, RunStep, StepState

EVERY_S = 0.5
LOOK_EVERY_S = 2.0
"""At the cells: as often as they tell how they fare."""
LEASE_S = 5.0
PATIENCE_S = 900.0
"""How long a step that is refused is tried again before it is left out: longer than a window keeps its slot."""
RETRY_S = 5.0
AT_ONCE_DEFAULT, AT_ONCE_MAX = 4, 16

STEPS_ENDED = Counter("waggle_rebalance_steps_ended_total", "Moves of runs that level the fleet, by what became of them.", ["state"])
RUNS_ENDED = Counter("waggle_rebalance_runs_ended_total", "Runs that ended or were stopped.", ["state"])
log = structlog.get_logger("control_plane.rebalance")


class Mover(Protocol):
    """Who begins a move; `control_plane.moves.Desk`."""

    async def start(self, reference: str, target: str, window_s: float | None) -> Move:
        """Raises Conflict where a move has the workspace, another WaggleError with all that stands in the way."""


async def no_pause(point: str) -> None:
    """Tests stop a runner at such a point, and kill it there."""


@dataclass
class Runner:
    registry: Registry
    mover: Mover
    on_move: Callable[[], None]
    clock: Clock
    capacities: Capacities = field(default_factory=Capacities)
    policy: Policy = field(default_factory=Policy)
    pause: Callable[[str], Awaitable[None]] = no_pause
    lease_s: float = LEASE_S
    holder: str = field(default_factory=lambda: secrets.token_hex(8))
    _looked_s: float = float("-inf")
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """A run was begun or turned: look now."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.sweep()
            except DATABASE_AWAY as error:
                log.warning("database_away", error=repr(error))
            try:
                async with asyncio.timeout(EVERY_S):
                    await self._woken.wait()
            except TimeoutError:
                continue
            finally:
                self._woken.clear()

    async def sweep(self) -> None:
        """A turn of each run that is unfinished and not another replica's."""
        for found in await self.registry.runs.unfinished():
            run = await self.registry.runs.claim(found.id, self.holder, self.lease_s)
            if run is None:
                continue
            try:
                await self._turn(run)
            except Conflict as error:
                log.info("run_turned_by_another", run=run.id, why=str(error))

    async def _turn(self, run: Run) -> None:
        run = await self._settle(run)
        if run.state is not RunState.RUNNING:
            return
        if int(run.facts.get("failures", 0)) >= FAILURES_MAX:
            await self._give_up(run)
            return
        if self._now_s() - self._looked_s >= LOOK_EVERY_S:
            run = await self._look(run)
            self._looked_s = self._now_s()
        while run.state is RunState.RUNNING:
            if run.count(*UNDER_WAY) >= int(run.facts.get("at_once", AT_ONCE_DEFAULT)):
                return
            (step, *_) = await self.registry.runs.steps(run.id, StepState.WAITING, limit=1) or (None,)
            if step is None:
                if not run.count(*UNDER_WAY):
                    await self._end(run, RunState.DONE, "")
                return
            if step.problem and self._now_s() - float(step.facts.get("tried_at", 0.0)) < RETRY_S:
                return
            began = await self._begin(run, step)
            if began is None:
                return
            run = began

    def _now_s(self) -> float:
        return self.clock.now_us() / 1e6

    # what was begun

    async def _settle(self, run: Run) -> Run:
        """Take down what became of the steps that are under way."""
        changed: list[RunStep] = []
        for step in await self.registry.runs.steps(run.id, *UNDER_WAY):
            if step.state is StepState.STARTING:
                changed.append(adopted(step, await self.registry.moves.latest_of(step.workspace_id)))
            elif (ended := settled(step, await self.registry.moves.require(step.move_id))) is not None:
                changed.append(ended)
        if not changed:
            return run
        failures = int(run.facts.get("failures", 0))
        for step in changed:
            failures = 0 if step.state is StepState.DONE else failures + (step.state is StepState.FAILED)
            await self._unpin(step)
        run = await self.registry.runs.record(run, changed, facts={**run.facts, "failures": failures})
        self._tell(run, changed)
        return run

    async def _unpin(self, step: RunStep) -> None:
        if step.facts.get("pin") and step.state in (StepState.FAILED, StepState.SKIPPED):
            await self.registry.workspaces.unpin(step.workspace_id, step.target)

    def _tell(self, run: Run, changed: Sequence[RunStep]) -> None:
        for step in changed:
            if step.state in (StepState.DONE, StepState.FAILED, StepState.SKIPPED):
                STEPS_ENDED.labels(step.state).inc()
                named = {"workspace": step.workspace_id, "move": step.move_id, "problem": step.problem}
                log.info("run_step", run=run.id, state=step.state, source=step.source, target=step.target, **named)

    # whether to go on

    async def _look(self, run: Run) -> Run:
        named = run.facts.get("baseline", {})
        cells = [cell for cell in await self.registry.cells.list() if cell.name in named]
        found = watch(cells, run.facts, self._now_s())
        if found.line:
            return await self._end(run, RunState.STOPPED, found.line)
        if dict(found.since_s) != run.facts.get("suffers", {}):
            return await self.registry.runs.record(run, facts={**run.facts, "suffers": dict(found.since_s)})
        return run

    async def _give_up(self, run: Run) -> None:
        failed = await self.registry.runs.steps(run.id, StepState.FAILED)
        why = f"{failed[-1].name}: {failed[-1].problem}" if failed else ""
        await self._end(run, RunState.STOPPED, f"{FAILURES_MAX} moves in a row were undone; the last was {why}")

    async def _end(self, run: Run, state: RunState, problem: str) -> Run:
        ended = await self.registry.runs.record(run, state=state, problem=problem)
        RUNS_ENDED.labels(state).inc()
        log.info("run_ended", run=run.id, state=state, problem=problem)
        return ended

    # the next one

    async def _begin(self, run: Run, step: RunStep) -> Run | None:
        """The run with its next move under way, or left out; None: not yet."""
        latest = await self.registry.moves.latest_of(step.workspace_id)
        if "after_move" in step.facts and (late := adopted(step, latest)).state is StepState.MOVING:
            return await self.registry.runs.record(run, [late])
        sees = await self._outlook(run, step)
        if against := objection(step, sees, self.policy):
            return await self._leave_out(run, step.turned(StepState.SKIPPED, problem=against))
        if silent := next((cell.name for cell in (sees.source, sees.target) if not cell.healthy), None):
            await self._refused(run, step, f"{silent} was not heard of lately")
            return None
        step = step.turned(StepState.STARTING, problem=step.problem, after_move=latest.id if latest else "")
        run = await self.registry.runs.record(run, [step])
        await self.pause("intended")
        try:
            if step.facts.get("pin"):
                await self.registry.workspaces.pin(step.workspace_id, step.target)
            move = await self.mover.start(step.workspace_id, step.target, run.facts.get("window_s"))
        except Conflict:
            return None  # somebody's move has it, perhaps ours, begun by another replica: the next turn finds out
        except WaggleError as error:
            await self._refused(run, step, " ".join(str(error).split()))
            return None
        await self.pause("begun")
        run = await self.registry.runs.record(run, [step.turned(StepState.MOVING, move_id=move.id)])
        await self.pause("recorded")
        self.on_move()
        return run

    async def _leave_out(self, run: Run, step: RunStep) -> Run:
        await self._unpin(step)
        run = await self.registry.runs.record(run, [step])
        self._tell(run, [step])
        return run

    async def _refused(self, run: Run, step: RunStep, why: str) -> None:
        now_s = self._now_s()
        since_s = float(step.facts.get("refused_at", now_s))
        lasts = now_s - since_s >= PATIENCE_S
        state = StepState.SKIPPED if lasts else StepState.WAITING
        await self._leave_out(run, step.turned(state, problem=why, refused_at=since_s, tried_at=now_s))

    async def _outlook(self, run: Run, step: RunStep) -> Outlook:
        source, target = await self.registry.cells.require(step.source), await self.registry.cells.require(step.target)
        rests = await self.registry.loads.rests(self.policy.month_s, step.workspace_id)
        return Outlook(
            placed=await self.registry.loads.get(step.workspace_id),
            target=target,
            source=source,
            carried=await self.registry.loads.carried([source.name, target.name]),
            room={cell.name: capacity_of(cell, self.capacities) for cell in (source, target)},
            rest=rests.get(step.workspace_id),
            run_age_s=run.age_s,
            pause_ms=await pause_ms_expected(self.registry),
        )
