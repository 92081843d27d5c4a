"""Admin: what the CLI and the console ask. Each method reads as what it does; auditing and errors are around it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc

from control_plane.moves import Desk
from control_plane.registry import Move, Registry
from control_plane.serving.acknowledgements import Acknowledgements
from control_plane.serving.audited import Auditor, answering
from control_plane.serving.cell_creation import CellCreation
from control_plane.serving.cell_ending import CellEnding
from control_plane.serving.commands import Commands
from control_plane.serving.doctor import Doctor, verdict
from control_plane.serving.flag_shapes import known_flag_shape, reach_shape, setting_shape
from control_plane.serving.flags import FlagDesk
from control_plane.serving.lifecycle import Order, WorkspaceLifecycle
from control_plane.serving.notices import Notices
from control_plane.serving.refusals import InvalidRequest
from control_plane.serving.shapes import audit_shape, cell_shape, drain_shape, move_shape, plan_shape, router_shape, workspace_shape
from control_plane.serving.view import DirectoryView
from protos.admin.v1 import admin_pb2, admin_pb2_grpc

PAGE_MAX = 1_000
PAGE_DEFAULT = 100
REFERENCE_CHARACTERS_MAX = 100
WINDOW_S_MAX = 7 * 86400.0

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True)
class AdminService(admin_pb2_grpc.AdminServicer):
    registry: Registry
    view: DirectoryView
    acknowledgements: Acknowledgements
    lifecycle: WorkspaceLifecycle
    commands: Commands
    doctor: Doctor
    auditor: Auditor
    cell_creation: CellCreation
    cell_ending: CellEnding
    moves: Desk
    flags: FlagDesk
    on_move: Callable[[], None]
    waiting: Callable[[Move], str]
    """Why a move may not begin yet, or is slow; empty: neither."""
    public_url: str
    version: str
    notices: Notices = field(default_factory=Notices)

    async def CreateWorkspace(self, request: admin_pb2.CreateWorkspaceRequest, context: Context) -> admin_pb2.Workspace:
        async with self.auditor.action(context, "workspace.create", request.name) as made:
            order = Order(request.name, request.owner_email, request.region, request.cell, request.plan)
            created = await self.lifecycle.create(order)
            made.append(f"{created.workspace.id} in {created.workspace.cell}")
            return workspace_shape(created.workspace, self.public_url, created.why, created.tokens)

    async def ShowWorkspace(self, request: admin_pb2.WorkspaceRef, context: Context) -> admin_pb2.Workspace:
        async with answering(context, "workspace.show"):
            return workspace_shape(await self.registry.workspaces.require(_reference(request)), self.public_url)

    async def ListWorkspaces(self, request: admin_pb2.ListWorkspacesRequest, context: Context) -> admin_pb2.ListWorkspacesReply:
        async with answering(context, "workspace.list"):
            limit = _limit(request.limit)
            rows = await self.registry.workspaces.list(cell=request.cell, after=request.after, limit=limit + 1)
            page = rows[:limit]
            after = page[-1].subdomain if len(rows) > limit else ""
            return admin_pb2.ListWorkspacesReply(workspaces=[workspace_shape(row, self.public_url) for row in page], next=after)

    async def SuspendWorkspace(self, request: admin_pb2.WorkspaceRef, context: Context) -> admin_pb2.Workspace:
        async with self.auditor.action(context, "workspace.suspend", request.workspace):
            row = await self.registry.workspaces.require(_reference(request))
            return workspace_shape(await self.lifecycle.suspend(row), self.public_url)

    async def ResumeWorkspace(self, request: admin_pb2.WorkspaceRef, context: Context) -> admin_pb2.Workspace:
        async with self.auditor.action(context, "workspace.resume", request.workspace):
            row = await self.registry.workspaces.require(_reference(request))
            return workspace_shape(await self.lifecycle.resume(row), self.public_url)

    async def Command(self, request: admin_pb2.CommandRequest, context: Context) -> admin_pb2.CommandReply:
        async with self.auditor.action(context, request.name, request.workspace):
            return admin_pb2.CommandReply(result=await self.commands.run(request.workspace, request.name, request.arguments))

    async def Exchange(self, request_iterator: AsyncIterator[admin_pb2.Parcel], context: Context) -> AsyncIterator[admin_pb2.Parcel]:
        parcels = aiter(request_iterator)
        first = await anext(parcels, admin_pb2.Parcel())

        async def bodies() -> AsyncIterator[bytes]:
            yield first.body
            async for parcel in parcels:
                yield parcel.body

        async with self.auditor.action(context, first.name, first.workspace):
            async for body in self.commands.exchange(first.workspace, first.name, bodies()):
                yield admin_pb2.Parcel(body=body)

    async def CreateCell(self, request: admin_pb2.CreateCellRequest, context: Context) -> admin_pb2.Cell:
        async with self.auditor.action(context, "cell.create", request.name) as made:
            cell = await self.cell_creation.create(
                request.name, request.region, dedicated=request.dedicated, capacity_workspaces=request.capacity_workspaces
            )
            made.append(cell.name)
            return cell_shape(cell)

    async def ShowCell(self, request: admin_pb2.CellRef, context: Context) -> admin_pb2.Cell:
        async with answering(context, "cell.show"):
            return cell_shape(await self.registry.cells.require(request.name[:REFERENCE_CHARACTERS_MAX]), self.notices)

    async def ListCells(self, request: admin_pb2.ListCellsRequest, context: Context) -> admin_pb2.ListCellsReply:  # noqa: ARG002
        async with answering(context, "cell.list"):
            return admin_pb2.ListCellsReply(cells=[cell_shape(cell) for cell in await self.registry.cells.list()])

    async def DrainCell(self, request: admin_pb2.CellRef, context: Context) -> admin_pb2.Drain:
        async with self.auditor.action(context, "cell.drain", request.name[:REFERENCE_CHARACTERS_MAX]):
            cell = await self.cell_ending.drain(request.name[:REFERENCE_CHARACTERS_MAX])
            return drain_shape(await self.cell_ending.drainer.show(cell))

    async def UndrainCell(self, request: admin_pb2.CellRef, context: Context) -> admin_pb2.Drain:
        async with self.auditor.action(context, "cell.undrain", request.name[:REFERENCE_CHARACTERS_MAX]):
            cell = await self.cell_ending.undrain(request.name[:REFERENCE_CHARACTERS_MAX])
            return drain_shape(await self.cell_ending.drainer.show(cell))

    async def ShowDrain(self, request: admin_pb2.CellRef, context: Context) -> admin_pb2.Drain:
        async with answering(context, "cell.drain"):
            cell = await self.registry.cells.require(request.name[:REFERENCE_CHARACTERS_MAX])
            return drain_shape(await self.cell_ending.drainer.show(cell))

    async def RetireCell(self, request: admin_pb2.CellRef, context: Context) -> admin_pb2.Cell:
        async with self.auditor.action(context, "cell.retire", request.name[:REFERENCE_CHARACTERS_MAX]):
            return cell_shape(await self.cell_ending.retire(request.name[:REFERENCE_CHARACTERS_MAX]))

    async def Status(self, request: admin_pb2.StatusRequest, context: Context) -> admin_pb2.StatusReply:  # noqa: ARG002
        async with answering(context, "status"):
            return admin_pb2.StatusReply(
                version=self.version,
                directory_version=self.view.version,
                cells=[cell_shape(cell, self.notices) for cell in await self.registry.cells.list()],
                routers=[router_shape(seen) for seen in await self.acknowledgements.everywhere(self.registry)],
                workspaces=await self.registry.workspaces.count(),
            )

    async def Doctor(self, request: admin_pb2.WorkspaceRef, context: Context) -> admin_pb2.DoctorReply:
        async with answering(context, "doctor"):
            row = await self.registry.workspaces.require(_reference(request))
            checks = await self.doctor.examine(row)
            return admin_pb2.DoctorReply(
                workspace=workspace_shape(row, self.public_url),
                checks=[admin_pb2.Check(name=check.name, ok=check.ok, detail=check.detail) for check in checks],
                verdict=verdict(row, checks),
            )

    async def ListAudit(self, request: admin_pb2.ListAuditRequest, context: Context) -> admin_pb2.ListAuditReply:
        async with answering(context, "audit.list"):
            entries = await self.registry.audit.latest(_limit(request.limit))
            return admin_pb2.ListAuditReply(entries=[audit_shape(entry) for entry in entries])

    async def SetFlag(self, request: admin_pb2.SetFlagRequest, context: Context) -> admin_pb2.FlagReply:
        async with self.auditor.action(context, "flag.set", _asked(request, "on" if request.on else "off")) as made:
            word = await self.flags.word(request.name, request.scope.cell, request.scope.workspace, on=request.on)
            actor = await self.auditor.callers.actor(context)
            reach = await self.flags.set(word, request.reason, actor)
            made.append(f"version {reach.version}")
            return admin_pb2.FlagReply(setting=setting_shape(await self.flags.shown(word, request.reason, actor)), reach=reach_shape(reach))

    async def ClearFlag(self, request: admin_pb2.ClearFlagRequest, context: Context) -> admin_pb2.FlagReply:
        async with self.auditor.action(context, "flag.clear", _asked(request, "cleared")) as made:
            word = await self.flags.word(request.name, request.scope.cell, request.scope.workspace, on=True)
            actor = await self.auditor.callers.actor(context)
            reach = await self.flags.clear(word)
            made.append(f"version {reach.version}")
            return admin_pb2.FlagReply(setting=setting_shape(await self.flags.shown(word, request.reason, actor)), reach=reach_shape(reach))

    async def ListFlags(self, request: admin_pb2.ListFlagsRequest, context: Context) -> admin_pb2.ListFlagsReply:
        async with answering(context, "flag.list"):
            rows = await self.registry.flags.list()
            effects = await self.flags.effects(request.scope.cell, request.scope.workspace, rows)
            return admin_pb2.ListFlagsReply(
                known=[known_flag_shape(flag, effect) for flag, effect in effects],
                settings=map(setting_shape, rows),
                reach=reach_shape(await self.flags.reach()),
            )

    async def PlanMove(self, request: admin_pb2.PlanMoveRequest, context: Context) -> admin_pb2.MovePlan:
        async with answering(context, "move.plan"):
            return plan_shape(await self.moves.plan(request.workspace[:REFERENCE_CHARACTERS_MAX], request.cell[:REFERENCE_CHARACTERS_MAX]))

    async def StartMove(self, request: admin_pb2.StartMoveRequest, context: Context) -> admin_pb2.Move:
        async with self.auditor.action(context, "move.start", f"{request.workspace} to {request.cell}"[:REFERENCE_CHARACTERS_MAX]) as made:
            window_s = request.window_s if request.HasField("window_s") else None
            if window_s is not None and not 0 <= window_s <= WINDOW_S_MAX:
                raise InvalidRequest(f"a window of {window_s} s is not allowed; 0 to {WINDOW_S_MAX:.0f}")
            move = await self.moves.start(request.workspace[:REFERENCE_CHARACTERS_MAX], request.cell[:REFERENCE_CHARACTERS_MAX], window_s)
            made.append(move.id)
            self.on_move()
            return move_shape(move, self.waiting(move))

    async def ShowMove(self, request: admin_pb2.MoveRef, context: Context) -> admin_pb2.Move:
        async with answering(context, "move.show"):
            move = await self.moves.find(request.move[:REFERENCE_CHARACTERS_MAX])
            return move_shape(move, self.waiting(move))

    async def ListMoves(self, request: admin_pb2.ListMovesRequest, context: Context) -> admin_pb2.ListMovesReply:
        async with answering(context, "move.list"):
            moves = await self.registry.moves.list(limit=_limit(request.limit))
            return admin_pb2.ListMovesReply(moves=[move_shape(move, self.waiting(move)) for move in moves])

    async def AbortMove(self, request: admin_pb2.MoveRef, context: Context) -> admin_pb2.Move:
        return await self._turned(request, context, "move.abort", self.moves.abort)

    async def RollbackMove(self, request: admin_pb2.MoveRef, context: Context) -> admin_pb2.Move:
        return await self._turned(request, context, "move.rollback", self.moves.rollback)

    async def FinishMove(self, request: admin_pb2.MoveRef, context: Context) -> admin_pb2.Move:
        return await self._turned(request, context, "move.finish", self.moves.finish)

    async def _turned(
        self, request: admin_pb2.MoveRef, context: Context, action: str, turn: Callable[[str], Awaitable[Move]]
    ) -> admin_pb2.Move:
        async with self.auditor.action(context, action, request.move[:REFERENCE_CHARACTERS_MAX]):
            move = await turn(request.move[:REFERENCE_CHARACTERS_MAX])
            self.on_move()
            return move_shape(move, self.waiting(move))


def _reference(request: admin_pb2.WorkspaceRef) -> str:
    if not request.workspace or len(request.workspace) > REFERENCE_CHARACTERS_MAX:
        raise InvalidRequest(f"a workspace is named by its id or name, 1 to {REFERENCE_CHARACTERS_MAX} characters")
    return request.workspace


def _asked(request: admin_pb2.SetFlagRequest | admin_pb2.ClearFlagRequest, verb: str) -> str:
    scope = request.scope
    place = f"workspace {scope.workspace}" if scope.workspace else f"cell {scope.cell}" if scope.cell else "everything"
    why = f"; why: {request.reason}" if request.reason else ""
    return f"{request.name} {verb} for {place}{why}"


def _limit(asked: int) -> int:
    if asked > PAGE_MAX:
        raise InvalidRequest(f"limit {asked} is not allowed; at most {PAGE_MAX}")
    return asked or PAGE_DEFAULT
