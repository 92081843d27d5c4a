"""Where a fleet's levelling is ordered: planned, begun, stopped, gone on with."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chassis.errors import WaggleError
from chassis.identity import CellName, WorkspaceId
from control_plane.rebalance.gathering import gather
from control_plane.rebalance.judging import baseline
from control_plane.rebalance.planning import Census, Draft, PlannedStep, draft
from control_plane.rebalance.policy import Capacities, Policy
from control_plane.rebalance.running import AT_ONCE_DEFAULT, AT_ONCE_MAX
from control_plane.registry import Conflict, NewRun, Registry, Run, RunState, RunStep, StepState

MOVES_MAX = 5_000
WINDOW_S_MAX = 7 * 86_400.0
TRIES_MAX = 5


class RebalanceRefused(WaggleError):
    """Nothing was changed; the message says why."""

    code = "rebalance_refused"


@dataclass(frozen=True, slots=True)
class Order:
    """0, empty and None: as is usual."""

    moves_max: int = 0
    region: str = ""
    at_once: int = 0
    window_s: float | None = None

    def __post_init__(self) -> None:
        """Raises RebalanceRefused, with what is allowed."""
        if self.moves_max > MOVES_MAX:
            raise RebalanceRefused(f"{self.moves_max} moves are too many for one run; 1 to {MOVES_MAX}")
        if self.at_once > AT_ONCE_MAX:
            raise RebalanceRefused(f"{self.at_once} moves at once are too many; 1 to {AT_ONCE_MAX}")
        if self.window_s is not None and not 0 <= self.window_s <= WINDOW_S_MAX:
            raise RebalanceRefused(f"a window of {self.window_s} s is not allowed; 0 to {WINDOW_S_MAX:.0f}")


@dataclass(frozen=True)
class Planned:
    draft: Draft
    census: Census
    names: Mapping[str, str]
    """Of the workspaces that the draft speaks of, by id."""


@dataclass(frozen=True)
class Rebalancer:
    registry: Registry
    on_run: Callable[[], None]
    capacities: Capacities = field(default_factory=Capacities)
    policy: Policy = field(default_factory=Policy)

    async def plan(self, order: Order) -> Planned:
        """Changes nothing. In a thread: 1.5 million workspaces take a second."""
        census = await gather(self.registry, self.policy)
        if order.region and order.region not in {cell.region for cell in census.cells}:
            regions = ", ".join(sorted({cell.region for cell in census.cells})) or "none"
            raise RebalanceRefused(f"no cell is in region {order.region!r}; there are cells in: {regions}")
        policy = self.policy.limited(order.moves_max)
        made = await asyncio.to_thread(draft, census, self.capacities, policy, order.region)
        spoken = [*(step.workspace_id for step in made.steps), *(hot.workspace_id for hot in made.hot)]
        return Planned(made, census, await self.registry.loads.names(spoken))

    async def apply(self, order: Order) -> Run:
        """Raises RebalanceRefused where there is nothing to do, Conflict while another run is under way."""
        if any(run.state is RunState.RUNNING for run in await self.registry.runs.unfinished()):
            raise Conflict("a run is under way already; see: waggle rebalance show")
        planned = await self.plan(order)
        if not planned.draft.steps:
            raise RebalanceRefused("there is nothing to level: waggle rebalance plan shows how full the cells are")
        run = await self.registry.runs.insert(NewRun(await self._facts(planned, order), _steps(planned)))
        self.on_run()
        return run

    async def _facts(self, planned: Planned, order: Order) -> dict[str, Any]:
        return {
            "at_once": order.at_once or AT_ONCE_DEFAULT,
            "window_s": order.window_s,
            "imbalance_before": planned.draft.imbalance_before,
            "imbalance_planned": planned.draft.imbalance_after,
            "baseline": await self._baseline({name for step in planned.draft.steps for name in (step.source, step.target)}),
        }

    async def _baseline(self, names: set[str]) -> dict[str, Any]:
        return {cell.name: dict(baseline(cell.vital_signs)) for cell in await self.registry.cells.list() if cell.name in names}

    async def stop(self, run_id: str, by: str) -> Run:
        """No further move begins; those that run go on to their end."""
        for _ in range(TRIES_MAX):
            run = await self.registry.runs.require(run_id)
            if run.state is not RunState.RUNNING:
                raise RebalanceRefused(f"run {run.id} is {run.state} already")
            try:
                return await self.registry.runs.record(run, state=RunState.STOPPED, problem=f"stopped by {by}")
            except Conflict:
                continue
        raise Conflict(f"run {run_id} goes on too fast; try again")

    async def resume(self, run_id: str) -> Run:
        """Go on with what is left, from how the cells fare now. Raises RebalanceRefused for any run but the latest: loads have changed."""
        for _ in range(TRIES_MAX):
            run, latest = await self.registry.runs.require(run_id), await self.registry.runs.require("")
            if run.state is not RunState.STOPPED or run.id != latest.id:
                why = f"is {run.state}" if run.state is not RunState.STOPPED else f"is not the latest, {latest.id}"
                raise RebalanceRefused(f"run {run.id} {why}; only the latest can be gone on with, when it was stopped")
            facts = {**run.facts, "baseline": await self._baseline(set(run.facts.get("baseline", {}))), "suffers": {}, "failures": 0}
            try:
                resumed = await self.registry.runs.record(run, state=RunState.RUNNING, facts=facts, problem="")
            except Conflict:
                continue
            self.on_run()
            return resumed
        raise Conflict(f"run {run_id} is turned by others; try again")


def _steps(planned: Planned) -> list[RunStep]:
    return [_step(number, step, planned.names[step.workspace_id]) for number, step in enumerate(planned.draft.steps, 1)]


def _step(number: int, step: PlannedStep, name: str) -> RunStep:
    facts = {"why": step.why, "bytes": round(step.bytes), "pause_ms": step.pause_ms, "imbalance": step.imbalance}
    rest = {"resources": list(step.resources), "pin": step.pin}
    cells = (CellName(step.source), CellName(step.target))
    return RunStep(number, WorkspaceId(step.workspace_id), name, *cells, StepState.WAITING, {**facts, **rest})
