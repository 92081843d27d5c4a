"""Failover: what an administrator asks and orders when a region is gone."""

from dataclasses import dataclass

from control_plane.failover import FailoverDesk, Plan
from control_plane.registry import CellState, Registry
from control_plane.serving.audited import Auditor, Context, answering
from control_plane.serving.names import check_cell_name, check_word
from control_plane.serving.refusals import InvalidRequest
from protos.admin.v1 import failover_pb2, failover_pb2_grpc

CELLS_MAX = 1_000
SHOWN_MAX = 1_000


@dataclass(frozen=True)
class FailoverService(failover_pb2_grpc.FailoverServicer):
    registry: Registry
    desk: FailoverDesk
    auditor: Auditor

    async def Plan(self, request: failover_pb2.FailoverRequest, context: Context) -> failover_pb2.FailoverPlan:
        async with answering(context, "failover.plan"):
            _check(request)
            return _shape(await self.desk.plan(request.from_region, request.to_region, list(request.cells)), applied=False)

    async def Apply(self, request: failover_pb2.FailoverRequest, context: Context) -> failover_pb2.FailoverPlan:
        target = f"{request.from_region[:100]} -> {request.to_region[:100]}"
        async with self.auditor.action(context, "failover.apply", target) as made:
            _check(request)
            done = await self.desk.apply(request.from_region, request.to_region, list(request.cells))
            made.append(f"{len(done.steps)} workspaces of {', '.join(cell.name for cell in done.lost)}")
            return _shape(done, applied=True)

    async def Show(self, request: failover_pb2.FailoverShowRequest, context: Context) -> failover_pb2.FailoverShown:  # noqa: ARG002
        async with answering(context, "failover.show"):
            lost = [cell.name for cell in await self.registry.cells.list() if cell.state is CellState.LOST]
            found = await self.registry.failovers.unfinished(limit=SHOWN_MAX)
            shown = [
                failover_pb2.FailoverUnfinished(
                    workspace_id=one.workspace_id,
                    name=one.name,
                    source=one.source,
                    target=one.target,
                    epoch=one.epoch,
                    stage=one.stage,
                    problem=one.problem,
                )
                for one in found
            ]
            return failover_pb2.FailoverShown(lost=lost, unfinished=shown, more=await self.registry.failovers.count_beyond(len(found)))


def _check(request: failover_pb2.FailoverRequest) -> None:
    for word in (request.from_region, request.to_region):
        if not word:
            raise InvalidRequest("a failover names the region that is gone and the region that takes over")
        check_word(word, "region")
    if len(request.cells) > CELLS_MAX:
        raise InvalidRequest(f"at most {CELLS_MAX} cells may be named")
    for name in request.cells:
        check_cell_name(name)


def _shape(plan: Plan, *, applied: bool) -> failover_pb2.FailoverPlan:
    return failover_pb2.FailoverPlan(
        lost=[cell.name for cell in plan.lost],
        steps=[
            failover_pb2.FailoverStep(
                workspace_id=step.workspace.id,
                name=step.workspace.subdomain,
                source=step.workspace.cell,
                target=step.target,
                epoch=step.epoch,
                seq=step.seq,
            )
            for step in plan.steps
        ],
        left=[
            failover_pb2.FailoverLeft(workspace_id=one.workspace.id, name=one.workspace.subdomain, source=one.workspace.cell, why=one.why)
            for one in plan.left
        ],
        applied=applied,
    )
