"""The `Attachments` service: bytes outside the database follow their workspace from cell to cell."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
import structlog

from cells.runtime.tenancy import NotMine
from cells.runtime.tenancy.tables import TenancyState
from cells.runtime.transfer.ownership import Ownership
from cells.runtime.workload import Attachments
from chassis.identity import WorkspaceId, is_workspace_id
from protos.cell.v1 import attachments_pb2, attachments_pb2_grpc

TOGETHER_MAX = 4
PIECE_BYTES_MAX = 128 << 10
LIST_S_MAX = 60.0
OBJECT_S_MAX = 1800.0
WAIT_MS_MAX = 20_000
FETCHES_MAX = 8
AT_HOME = (TenancyState.ACTIVE, TenancyState.FROZEN, TenancyState.SUSPENDED)
_log = structlog.get_logger("transfer.attachments")


@dataclass
class Look:
    """One look through what the giver has, fetching what is not here."""

    objects: int = 0
    bytes: int = 0
    problem: str = ""
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)

    @property
    def running(self) -> bool:
        return self.task is not None and not self.task.done()


class AttachmentService(attachments_pb2_grpc.AttachmentsServicer):
    def __init__(self, attachments: Attachments | None, ownership: Ownership, dial: Callable[[str], grpc.aio.Channel]) -> None:
        self._attachments = attachments
        self._ownership = ownership
        self._dial = dial
        self._fetches: dict[WorkspaceId, Look] = {}

    async def Place(self, _request: attachments_pb2.PlaceRequest, context: Any) -> attachments_pb2.PlaceReply:
        async with _answering(context):
            return attachments_pb2.PlaceReply(place=await self._place())

    async def List(self, request: attachments_pb2.ListAttachmentsRequest, context: Any) -> AsyncIterator[attachments_pb2.Attachment]:
        workspace_id = await _workspace(request.workspace_id, context)
        if self._attachments is not None:
            async for key, size in self._attachments.list(workspace_id):
                yield attachments_pb2.Attachment(key=key, size=size)

    async def Read(self, request: attachments_pb2.ReadAttachmentRequest, context: Any) -> AsyncIterator[attachments_pb2.Piece]:
        workspace_id = await _workspace(request.workspace_id, context)
        if self._attachments is None or not request.key.startswith(f"{workspace_id}/"):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not a key of this workspace")
            return
        async for data in self._attachments.read(request.key):
            for start in range(0, len(data), PIECE_BYTES_MAX):
                yield attachments_pb2.Piece(data=data[start : start + PIECE_BYTES_MAX])

    async def Fetch(self, request: attachments_pb2.FetchRequest, context: Any) -> attachments_pb2.FetchReply:
        """A look that was under way when the call came proves nothing of what was written since: then `done` waits for the next."""
        workspace_id = await _workspace(request.workspace_id, context)
        async with _answering(context):
            held = self._fetches.get(workspace_id)
            fresh = held is None or not held.running
            fetch = self._begin(workspace_id, request.address) if held is None or fresh else held
            assert fetch.task is not None
            await asyncio.wait({fetch.task}, timeout=min(request.wait_ms, WAIT_MS_MAX) / 1000)
            done = fresh and not fetch.running and not fetch.problem
            return attachments_pb2.FetchReply(done=done, objects=fetch.objects, bytes=fetch.bytes, problem=fetch.problem)

    async def Clear(self, request: attachments_pb2.ClearRequest, context: Any) -> attachments_pb2.ClearReply:
        """Nothing is removed from a store in which the workspace's bytes are still wanted, nor where it is at home."""
        workspace_id = await _workspace(request.workspace_id, context)
        async with _answering(context):
            if self._attachments is None or await self._place() == request.elsewhere:
                return attachments_pb2.ClearReply(done=True)
            if await self._at_home(workspace_id):
                await context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"workspace {workspace_id} is at home here: its bytes stay")
            removed = await self._attachments.purge(workspace_id)
            return attachments_pb2.ClearReply(done=removed == 0, removed=removed)

    async def _at_home(self, workspace_id: WorkspaceId) -> bool:
        try:
            return (await self._ownership.look(workspace_id)).state in AT_HOME
        except NotMine:
            return False

    async def _place(self) -> str:
        return "" if self._attachments is None else await self._attachments.place()

    def _begin(self, workspace_id: WorkspaceId, address: str) -> Look:
        for known in [known for known, fetch in self._fetches.items() if not fetch.running][: len(self._fetches) - FETCHES_MAX + 1]:
            del self._fetches[known]
        fetch = self._fetches[workspace_id] = Look()
        fetch.task = asyncio.create_task(self._fetch(workspace_id, address, fetch))
        return fetch

    async def _fetch(self, workspace_id: WorkspaceId, address: str, fetch: Look) -> None:
        if self._attachments is None:
            return
        line = self._dial(address)
        try:
            await _Fetching(self._attachments, attachments_pb2_grpc.AttachmentsStub(line), workspace_id, fetch).run()
        except Exception as error:  # noqa: BLE001 - whatever it was is told to who asks, and the next call begins again
            fetch.problem = f"{type(error).__name__}: {error}"[:300]
            _log.warning("attachments not fetched", workspace_id=workspace_id, problem=fetch.problem)
        finally:
            await line.close(None)


@dataclass(frozen=True, slots=True)
class _Fetching:
    attachments: Attachments
    giver: Any
    workspace_id: WorkspaceId
    fetch: Look

    async def run(self) -> None:
        """Raises where the giver does not answer, or an object did not come whole."""
        place = await self.giver.Place(attachments_pb2.PlaceRequest(), timeout=LIST_S_MAX)
        if place.place in ("", await self.attachments.place()):
            return
        room = asyncio.Semaphore(TOGETHER_MAX)
        listed = self.giver.List(attachments_pb2.ListAttachmentsRequest(workspace_id=self.workspace_id), timeout=LIST_S_MAX)
        async with asyncio.TaskGroup() as fetching:
            async for found in listed:
                await room.acquire()
                one = fetching.create_task(self._one(found.key, found.size))
                one.add_done_callback(lambda _: room.release())

    async def _one(self, key: str, size: int) -> None:
        if await self.attachments.size(key) == size:
            return
        request = attachments_pb2.ReadAttachmentRequest(workspace_id=self.workspace_id, key=key)
        came = await self.attachments.write(key, _data(self.giver.Read(request, timeout=OBJECT_S_MAX)))
        if came != size:
            raise OSError(f"{key}: {came} of {size} bytes came")
        self.fetch.objects += 1
        self.fetch.bytes += came


async def _data(pieces: Any) -> AsyncIterator[bytes]:
    async for piece in pieces:
        yield piece.data


async def _workspace(text: str, context: Any) -> WorkspaceId:
    if not is_workspace_id(text):
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "workspace_id is not one")
    return WorkspaceId(text)


class _answering:
    """Failures of a store are the cell's being away, not its refusal: they are worth asking again."""

    def __init__(self, context: Any) -> None:
        self._context = context

    async def __aenter__(self) -> None:
        return

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, grpc.aio.AbortError):
            _log.warning("attachments not served", error=repr(error)[:300])
            await self._context.abort(grpc.StatusCode.UNAVAILABLE, f"{type(error).__name__} in the cell's store")
