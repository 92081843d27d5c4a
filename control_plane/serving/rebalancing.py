"""Rebalance: plans and runs, as administrators ask for them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from control_plane.rebalance import RESOURCES, Order, Planned, Rebalancer
from control_plane.registry import UNDER_WAY, Registry, Run, RunStep, StepState
from control_plane.serving.audited import Auditor, answering
from control_plane.serving.refusals import InvalidRequest
from protos.admin.v1 import rebalance_pb2, rebalance_pb2_grpc

RUNS_MAX, RUNS_DEFAULT = 1_000, 20
HOT_MAX = 50
WORD_CHARACTERS_MAX = 100

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True)
class RebalanceService(rebalance_pb2_grpc.RebalanceServicer):
    registry: Registry
    auditor: Auditor
    rebalancer: Rebalancer

    async def Plan(self, request: rebalance_pb2.PlanRequest, context: Context) -> rebalance_pb2.RebalancePlan:
        async with answering(context, "rebalance.plan"):
            return plan_shape(await self.rebalancer.plan(_order(request)))

    async def Apply(self, request: rebalance_pb2.PlanRequest, context: Context) -> rebalance_pb2.Run:
        async with self.auditor.action(context, "rebalance.apply", request.region[:WORD_CHARACTERS_MAX]) as made:
            run = await self.rebalancer.apply(_order(request))
            made.append(f"{run.id}, {sum(run.counts.values())} moves")
            return await self._told(run, moves=True)

    async def Show(self, request: rebalance_pb2.RunRef, context: Context) -> rebalance_pb2.Run:
        async with answering(context, "rebalance.show"):
            run = await self.registry.runs.require(request.run[:WORD_CHARACTERS_MAX])
            return await self._told(run, moves=not request.without_moves)

    async def List(self, request: rebalance_pb2.ListRunsRequest, context: Context) -> rebalance_pb2.ListRunsReply:
        async with answering(context, "rebalance.list"):
            if request.limit > RUNS_MAX:
                raise InvalidRequest(f"limit {request.limit} is not allowed; at most {RUNS_MAX}")
            runs = await self.registry.runs.list(limit=request.limit or RUNS_DEFAULT)
            return rebalance_pb2.ListRunsReply(runs=[run_shape(run, ()) for run in runs])

    async def Stop(self, request: rebalance_pb2.RunRef, context: Context) -> rebalance_pb2.Run:
        by = await self.auditor.callers.actor(context)
        return await self._turned(request, context, "rebalance.stop", lambda run: self.rebalancer.stop(run, by))

    async def Resume(self, request: rebalance_pb2.RunRef, context: Context) -> rebalance_pb2.Run:
        return await self._turned(request, context, "rebalance.resume", self.rebalancer.resume)

    async def _turned(
        self, request: rebalance_pb2.RunRef, context: Context, action: str, turn: Callable[[str], Awaitable[Run]]
    ) -> rebalance_pb2.Run:
        async with self.auditor.action(context, action, request.run[:WORD_CHARACTERS_MAX]) as made:
            run = await turn(request.run[:WORD_CHARACTERS_MAX])
            made.append(run.id)
            return await self._told(run, moves=not request.without_moves)

    async def _told(self, run: Run, *, moves: bool) -> rebalance_pb2.Run:
        """Without moves: those that are under way, and the next."""
        if moves:
            return run_shape(run, await self.registry.runs.steps(run.id))
        under_way = await self.registry.runs.steps(run.id, *UNDER_WAY)
        return run_shape(run, (*under_way, *await self.registry.runs.steps(run.id, StepState.WAITING, limit=1)))


def _order(request: rebalance_pb2.PlanRequest) -> Order:
    window_s = request.window_s if request.HasField("window_s") else None
    return Order(request.moves_max, request.region[:WORD_CHARACTERS_MAX], request.at_once, window_s)


def plan_shape(planned: Planned) -> rebalance_pb2.RebalancePlan:
    made, census = planned.draft, planned.census
    moves = [
        rebalance_pb2.PlannedMove(
            workspace=planned.names.get(step.workspace_id, ""),
            workspace_id=step.workspace_id,
            source=step.source,
            target=step.target,
            why=step.why,
            bytes=round(step.bytes),
            pause_ms=step.pause_ms,
            imbalance=step.imbalance,
        )
        for step in made.steps
    ]
    cells = [
        rebalance_pb2.CellShares(cell=cell.name, region=cell.region, before=made.before[at], after=made.after[at])
        for at, cell in enumerate(census.cells)
    ]
    hot = [
        rebalance_pb2.HotWorkspace(workspace=planned.names.get(one.workspace_id, ""), cell=one.cell, line=one.line)
        for one in made.hot[:HOT_MAX]
    ]
    return rebalance_pb2.RebalancePlan(
        resources=RESOURCES,
        moves=moves,
        cells=cells,
        hot=hot,
        imbalance_before=made.imbalance_before,
        imbalance_after=made.imbalance_after,
        workspaces=len(census.ids),
        resting=made.resting,
        spent=made.spent,
    )


def run_shape(run: Run, steps: Sequence[RunStep]) -> rebalance_pb2.Run:
    left = run.count(StepState.WAITING, *UNDER_WAY)
    ended = run.count(StepState.DONE, StepState.FAILED, StepState.SKIPPED)
    waits = next((step.problem for step in steps if step.state is StepState.WAITING and step.problem), "")
    return rebalance_pb2.Run(
        run_id=run.id,
        state=run.state,
        problem=run.problem,
        done=run.count(StepState.DONE),
        moving=run.count(*UNDER_WAY),
        waiting=run.count(StepState.WAITING),
        failed=run.count(StepState.FAILED),
        skipped=run.count(StepState.SKIPPED),
        age_s=run.age_s,
        imbalance_before=run.facts.get("imbalance_before", 0.0),
        imbalance_planned=run.facts.get("imbalance_planned", 0.0),
        moves=[_step_shape(step) for step in steps],
        at_once=run.facts.get("at_once", 0),
        bytes=sum(step.facts.get("bytes", 0) for step in steps if step.state is StepState.DONE),
        eta_s=run.age_s / ended * left if ended else 0.0,
        waits=waits,
    )


def _step_shape(step: RunStep) -> rebalance_pb2.PlannedMove:
    """`pause_ms` as measured once it is done."""
    return rebalance_pb2.PlannedMove(
        workspace=step.name,
        workspace_id=step.workspace_id,
        source=step.source,
        target=step.target,
        why=step.facts.get("why", ""),
        bytes=step.facts.get("bytes", 0),
        pause_ms=step.facts.get("measured_ms", step.facts.get("pause_ms", 0.0)),
        imbalance=step.facts.get("imbalance", 0.0),
        state=step.state,
        move_id=step.move_id,
        problem=step.problem,
    )
