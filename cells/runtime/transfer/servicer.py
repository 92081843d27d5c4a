"""The `Cell` service: what the control plane asks of a cell."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import structlog
from sqlalchemy.exc import DBAPIError

from cells.runtime.tenancy import NotExecuted, NotMine, Overloaded, Tenancy
from cells.runtime.transfer.commands import BadArguments, Commands
from cells.runtime.transfer.inspection import Finding, Inspector
from cells.runtime.transfer.locking import RowLocked
from cells.runtime.transfer.ownership import Ownership
from cells.runtime.transfer.transitions import TransitionRefused
from chassis.errors import WaggleError
from chassis.identity import WorkspaceId, is_workspace_id
from protos.cell.v1 import cell_pb2, cell_pb2_grpc

NAME_CHARACTERS_MAX = 100
SILENCE_S_MAX = 120.0
"""Of somebody in the middle of an exchange."""


class CellService(cell_pb2_grpc.CellServicer):
    """`sessions_of` counts the sockets of a workspace that this process serves."""

    def __init__(
        self, ownership: Ownership, commands: Commands, inspector: Inspector, sessions_of: Callable[[WorkspaceId], int] = lambda _: 0
    ) -> None:
        self._ownership = ownership
        self._commands = commands
        self._inspector = inspector
        self._sessions_of = sessions_of
        self._log = structlog.get_logger("cell")

    async def Admit(self, request: cell_pb2.AdmitRequest, context: Any) -> cell_pb2.AdmitReply:
        async with self._answering(context, "admit", request):
            for text in (request.name, request.subdomain):
                if not 0 < len(text) <= NAME_CHARACTERS_MAX:
                    raise BadArguments(f"name and subdomain must have 1 to {NAME_CHARACTERS_MAX} characters")
            row = await self._ownership.admit(WorkspaceId(request.workspace_id), request.name, request.subdomain, request.epoch)
            if row.epoch != request.epoch or row.state != "active":
                raise TransitionRefused(row, "admit", request.epoch)
            result = await self._commands.admit(row, request.arguments)
            row = await self._ownership.look(row.workspace_id)
            return cell_pb2.AdmitReply(tenancy=message_of(row), result=result)

    async def Freeze(self, request: cell_pb2.FreezeRequest, context: Any) -> cell_pb2.TenancyReply:
        async with self._answering(context, "freeze", request):
            row = await self._ownership.freeze(WorkspaceId(request.workspace_id), request.epoch, request.lock_timeout_ms)
            return cell_pb2.TenancyReply(tenancy=message_of(row))

    async def Open(self, request: cell_pb2.OpenRequest, context: Any) -> cell_pb2.TenancyReply:
        async with self._answering(context, "open", request):
            row = await self._ownership.open(WorkspaceId(request.workspace_id), request.epoch)
            return cell_pb2.TenancyReply(tenancy=message_of(row))

    async def Suspend(self, request: cell_pb2.SuspendRequest, context: Any) -> cell_pb2.TenancyReply:
        async with self._answering(context, "suspend", request):
            row = await self._ownership.suspend(WorkspaceId(request.workspace_id), request.epoch)
            return cell_pb2.TenancyReply(tenancy=message_of(row))

    async def Retire(self, request: cell_pb2.RetireRequest, context: Any) -> cell_pb2.TenancyReply:
        async with self._answering(context, "retire", request):
            row = await self._ownership.retire(WorkspaceId(request.workspace_id), request.epoch, request.cell)
            return cell_pb2.TenancyReply(tenancy=message_of(row))

    async def Census(self, request: cell_pb2.CensusRequest, context: Any) -> cell_pb2.CensusReply:
        async with self._answering(context, "census", request):
            return cell_pb2.CensusReply(tenancies=[message_of(row) for row in await self._ownership.census()])

    async def Inspect(self, request: cell_pb2.InspectRequest, context: Any) -> cell_pb2.InspectReply:
        async with self._answering(context, "inspect", request):
            servers = await self._inspector.servers()
            if not servers[0].ok:  # all else is in the database; it would only hang
                return cell_pb2.InspectReply(checks=list(map(_check, servers)))
            row = await self._ownership.look(WorkspaceId(request.workspace_id))
            seen = await self._inspector.inspect(row, servers)
            return cell_pb2.InspectReply(
                tenancy=message_of(row),
                checks=list(map(_check, seen.findings)),
                cursors=[cell_pb2.Cursor(name=name, seq=seq) for name, seq in seen.cursors],
                sessions=self._sessions_of(row.workspace_id),
            )

    async def Command(self, request: cell_pb2.CommandRequest, context: Any) -> cell_pb2.CommandReply:
        async with self._answering(context, "command", request):
            try:
                result = await self._commands.run(WorkspaceId(request.workspace_id), request.epoch, request.name, request.arguments)
            except NotExecuted:
                raise
            except WaggleError as error:
                return cell_pb2.CommandReply(error=error.code, detail=error.sentence())
            return cell_pb2.CommandReply(result=result)

    async def Exchange(self, request_iterator: AsyncIterator[cell_pb2.Parcel], context: Any) -> AsyncIterator[cell_pb2.Parcel]:
        parcels = aiter(request_iterator)
        first = await anext(parcels, cell_pb2.Parcel())
        async with self._answering(context, "exchange", first):
            try:
                pieces = self._commands.exchange(WorkspaceId(first.workspace_id), first.epoch, first.name, _bodies(first, parcels))
                async for piece in pieces:
                    yield cell_pb2.Parcel(body=piece)
            except NotExecuted:
                raise
            except WaggleError as error:
                yield cell_pb2.Parcel(error=error.code, detail=error.sentence())

    @asynccontextmanager
    async def _answering(self, context: Any, verb: str, request: Any) -> AsyncIterator[None]:
        """One place where errors become gRPC statuses; nothing of a stack trace leaves the cell."""
        workspace_id = getattr(request, "workspace_id", None)
        if workspace_id is not None and not is_workspace_id(workspace_id):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "workspace_id is not one")
        try:
            yield
        except (WaggleError, DBAPIError, OSError, TimeoutError) as error:
            status = status_of(error)
            self._log.warning("cell verb refused", verb=verb, workspace_id=workspace_id, status=status.name, error=str(error))
            await context.abort(status, str(error) if isinstance(error, WaggleError) else f"{type(error).__name__} in the cell")


async def _bodies(first: cell_pb2.Parcel, following: AsyncIterator[cell_pb2.Parcel]) -> AsyncIterator[bytes]:
    """Raises TimeoutError where the other end says nothing more and does not end."""
    yield first.body
    while True:
        async with asyncio.timeout(SILENCE_S_MAX):
            parcel = await anext(following, None)
        if parcel is None:
            return
        yield parcel.body


def status_of(error: Exception) -> grpc.StatusCode:
    match error:
        case BadArguments():
            return grpc.StatusCode.INVALID_ARGUMENT
        case NotMine():
            return grpc.StatusCode.NOT_FOUND
        case RowLocked() | TimeoutError():
            return grpc.StatusCode.DEADLINE_EXCEEDED
        case Overloaded() | DBAPIError() | OSError():
            return grpc.StatusCode.UNAVAILABLE
    return grpc.StatusCode.FAILED_PRECONDITION


def message_of(row: Tenancy) -> cell_pb2.Tenancy:
    return cell_pb2.Tenancy(workspace_id=row.workspace_id, epoch=row.epoch, state=row.state, seq=row.seq, moved_to=row.moved_to)


def _check(found: Finding) -> cell_pb2.Check:
    return cell_pb2.Check(name=found.name, ok=found.ok, detail=found.detail)
