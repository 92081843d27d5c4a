"""The `Transfer` service: a move's verbs as they come over the wire."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

import asyncpg
import grpc
import structlog
from sqlalchemy.exc import DBAPIError

from cells.runtime.tenancy import NotMine, Tenancy
from cells.runtime.transfer.locking import RowLocked
from cells.runtime.transfer.moving.moves import Moves
from cells.runtime.transfer.moving.names import mark_of, stream_of
from cells.runtime.transfer.moving.slots import slots_of_moves
from chassis.errors import WaggleError
from chassis.identity import WorkspaceId, is_workspace_id
from protos.cell.v1 import cell_pb2, transfer_pb2, transfer_pb2_grpc

AWAIT_MARK_MS_MAX = 10_000
COPY_MS_MAX = 5_000
COMPARE_MS_MAX = 5_000
DRIVER_FAILED = (asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What asyncpg raises on a connection that broke under it; the second where it broke between two of its messages."""


class TransferService(transfer_pb2_grpc.TransferServicer):
    def __init__(self, moves: Moves) -> None:
        self._moves = moves
        self._log = structlog.get_logger("transfer")

    async def Survey(self, request: transfer_pb2.SurveyRequest, context: Any) -> transfer_pb2.SurveyReply:
        async with self._answering(context, "survey", request) as workspace_id:
            rows, size, blockers, revision, state = await self._moves.survey(workspace_id)
            return transfer_pb2.SurveyReply(rows=rows, bytes=size, blockers=blockers, schema_revision=revision, state=state)

    async def Publish(self, request: transfer_pb2.PublishRequest, context: Any) -> transfer_pb2.PublishReply:
        async with self._answering(context, "publish", request) as workspace_id:
            connection, row = await self._moves.publish(request.move_id, workspace_id)
            return transfer_pb2.PublishReply(
                connection=connection, tenancy=_message(row), secret=row.secret, name=row.name, subdomain=row.subdomain
            )

    async def Receive(self, request: transfer_pb2.ReceiveRequest, context: Any) -> cell_pb2.TenancyReply:
        async with self._answering(context, "receive", request) as workspace_id:
            row = await self._moves.ownership.receive(workspace_id, request.epoch, request.secret, request.name, request.subdomain)
            return cell_pb2.TenancyReply(tenancy=_message(row))

    async def Copy(self, request: transfer_pb2.CopyRequest, context: Any) -> transfer_pb2.CopyReply:
        async with self._answering(context, "copy", request) as workspace_id:
            wait_s = min(request.wait_ms, COPY_MS_MAX) / 1000
            done, copying = await self._moves.copy(request.move_id, workspace_id, request.connection, request.speed, wait_s)
            return transfer_pb2.CopyReply(done=done, rows=copying.rows, bytes=copying.bytes, problem=copying.problem)

    async def Follow(self, request: transfer_pb2.FollowRequest, context: Any) -> transfer_pb2.FollowReply:
        async with self._answering(context, "follow", request) as workspace_id:
            await self._moves.follow(request.move_id, workspace_id, request.connection)
            return transfer_pb2.FollowReply()

    async def Mark(self, request: transfer_pb2.MarkRequest, context: Any) -> transfer_pb2.MarkReply:
        async with self._answering(context, "mark", request) as workspace_id:
            await self._moves.ownership.mark(workspace_id, mark_of(request.move_id), request.number)
            return transfer_pb2.MarkReply()

    async def Seal(self, request: transfer_pb2.SealRequest, context: Any) -> transfer_pb2.SealReply:
        async with self._answering(context, "seal", request) as workspace_id:
            mark = mark_of(request.move_id)
            row = await self._moves.ownership.seal(
                workspace_id, request.epoch, request.lock_timeout_ms, stream_of(request.move_id), mark, request.number
            )
            return transfer_pb2.SealReply(seq=row.seq, last_ts_us=row.last_ts_us)

    async def Unseal(self, request: transfer_pb2.UnsealRequest, context: Any) -> cell_pb2.TenancyReply:
        async with self._answering(context, "unseal", request) as workspace_id:
            stream, mark = stream_of(request.move_id), mark_of(request.move_id)
            row = await self._moves.ownership.unseal(workspace_id, request.epoch, stream, mark, request.number)
            return cell_pb2.TenancyReply(tenancy=_message(row))

    async def AwaitMark(self, request: transfer_pb2.AwaitMarkRequest, context: Any) -> transfer_pb2.AwaitMarkReply:
        async with self._answering(context, "await_mark", request) as workspace_id:
            timeout_s = min(request.timeout_ms, AWAIT_MARK_MS_MAX) / 1000
            seen, seq = await self._moves.await_mark(request.move_id, workspace_id, request.number, timeout_s)
            return transfer_pb2.AwaitMarkReply(seen=seen, seq=seq)

    async def Compare(self, request: transfer_pb2.CompareRequest, context: Any) -> transfer_pb2.CompareReply:
        async with self._answering(context, "compare", request) as workspace_id:
            moves, wait_s = self._moves, min(request.wait_ms, COMPARE_MS_MAX) / 1000
            proof = await moves.proofs.look(moves.database, request.move_id, workspace_id, request.connection, request.speed, wait_s)
            found = proof.compared
            word = moves.proofs.attachments(proof)
            return transfer_pb2.CompareReply(
                done=proof.holds, rows=found.rows, differs=found.differs, problem=proof.problem, attachments=word
            )

    async def CompareRest(self, request: transfer_pb2.CompareRestRequest, context: Any) -> transfer_pb2.CompareRestReply:
        async with self._answering(context, "compare_rest", request):
            rest, word = await self._moves.proofs.rest(request.move_id, request.number)
            return transfer_pb2.CompareRestReply(differs=rest.differs, rows=rest.rows, seq=rest.seq, attachments=word)

    async def Take(self, request: transfer_pb2.TakeRequest, context: Any) -> cell_pb2.TenancyReply:
        async with self._answering(context, "take", request) as workspace_id:
            row = await self._moves.ownership.take(workspace_id, request.epoch, request.seq, request.last_ts_us)
            self._moves.proofs.let_go(workspace_id)
            return cell_pb2.TenancyReply(tenancy=_message(row))

    async def Drop(self, request: transfer_pb2.DropRequest, context: Any) -> transfer_pb2.DropReply:
        async with self._answering(context, "drop", request) as workspace_id:
            await self._moves.drop(request.move_id, workspace_id)
            return transfer_pb2.DropReply()

    async def Purge(self, request: transfer_pb2.PurgeRequest, context: Any) -> transfer_pb2.PurgeReply:
        async with self._answering(context, "purge", request) as workspace_id:
            done, rows = await self._moves.purge(workspace_id, forget=request.forget, speed=request.speed)
            return transfer_pb2.PurgeReply(done=done, rows=rows)

    async def Leftovers(self, request: transfer_pb2.LeftoversRequest, context: Any) -> transfer_pb2.LeftoversReply:
        async with self._answering(context, "leftovers", request):
            return transfer_pb2.LeftoversReply(names=await self._moves.leftovers())

    async def Slots(self, request: transfer_pb2.SlotsRequest, context: Any) -> transfer_pb2.SlotsReply:
        async with self._answering(context, "slots", request):
            kept = await slots_of_moves(self._moves.database)
            return transfer_pb2.SlotsReply(slots=[transfer_pb2.Slot(**asdict(slot)) for slot in kept])

    @asynccontextmanager
    async def _answering(self, context: Any, verb: str, request: Any) -> AsyncIterator[WorkspaceId]:
        """One place where errors become gRPC statuses. A connection string never gets into a log: messages of drivers do not leave."""
        workspace_id = WorkspaceId(getattr(request, "workspace_id", ""))
        if hasattr(request, "workspace_id") and not is_workspace_id(workspace_id):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "workspace_id is not one")
        try:
            if hasattr(request, "move_id"):
                stream_of(request.move_id)
            yield workspace_id
        except (WaggleError, DBAPIError, asyncpg.PostgresError, *DRIVER_FAILED, OSError, TimeoutError) as error:
            status = status_of(error)
            said = str(error) if isinstance(error, WaggleError) else f"{type(error).__name__} in the cell"
            self._log.warning("move verb refused", verb=verb, workspace_id=workspace_id, status=status.name, error=str(error)[:300])
            await context.abort(status, said)


def status_of(error: Exception) -> grpc.StatusCode:
    match error:
        case NotMine():
            return grpc.StatusCode.NOT_FOUND
        case RowLocked() | TimeoutError():
            return grpc.StatusCode.DEADLINE_EXCEEDED
        case WaggleError():
            return grpc.StatusCode.FAILED_PRECONDITION
    return grpc.StatusCode.UNAVAILABLE


def _message(row: Tenancy) -> cell_pb2.Tenancy:
    return cell_pb2.Tenancy(workspace_id=row.workspace_id, epoch=row.epoch, state=row.state, seq=row.seq, moved_to=row.moved_to)
