"""How the control plane talks to a cell: one channel an address, one call with a bound, failures sorted into two kinds."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

import grpc

from control_plane.registry import Cell, Process
from control_plane.serving.refusals import CellAway, CellRefused
from protos.cell.v1 import attachments_pb2_grpc, cell_pb2_grpc, transfer_pb2_grpc

CHANNELS_MAX = 512
CLOSE_GRACE_S = 5.0

Stub: TypeAlias = "cell_pb2_grpc.CellAsyncStub"  # in quotes: a class of the stub file only
TransferStub: TypeAlias = "transfer_pb2_grpc.TransferAsyncStub"
AttachmentsStub: TypeAlias = "attachments_pb2_grpc.AttachmentsAsyncStub"
T = TypeVar("T")

_AWAY = frozenset(
    {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNIMPLEMENTED}
)
_SAID_NO = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.PERMISSION_DENIED,
    }
)


@dataclass
class CellDoors:
    dial: Callable[[str], grpc.aio.Channel]
    _channels: dict[str, grpc.aio.Channel] = field(default_factory=dict)
    _closing: set[asyncio.Task[None]] = field(default_factory=set)

    async def ask(self, cell: Cell, what: Callable[["Stub"], Awaitable[T]]) -> T:
        """One call to a process of the cell, the freshest first; `what` carries its own timeout. Raises CellAway or CellRefused."""
        return await self._ask(cell, lambda line: what(cell_pb2_grpc.CellStub(line)))

    async def ask_transfer(self, cell: Cell, what: Callable[["TransferStub"], Awaitable[T]]) -> T:
        """The same for a move's verbs, to the same process while it lives: a copy and a proof are kept by the process that began them."""
        return await self._ask(cell, lambda line: what(transfer_pb2_grpc.TransferStub(line)), steadiest)

    async def ask_attachments(self, cell: Cell, what: Callable[["AttachmentsStub"], Awaitable[T]]) -> T:
        """The same for the bytes that a move takes along."""
        return await self._ask(cell, lambda line: what(attachments_pb2_grpc.AttachmentsStub(line)))

    async def _ask(
        self, cell: Cell, what: Callable[[grpc.aio.Channel], Awaitable[T]], choose: Callable[[Cell], Process] | None = None
    ) -> T:
        process = (choose or freshest)(cell)
        try:
            return await what(self._channel(process.address))
        except grpc.aio.AioRpcError as error:
            raise _sorted(cell, process, error) from error

    async def stream(self, cell: Cell, what: Callable[["Stub"], AsyncIterable[T]]) -> AsyncIterator[T]:
        """The same for a verb that answers in pieces. A workspace that moves away meanwhile is CellAway: it is elsewhere soon."""
        process = freshest(cell)
        try:
            async for piece in what(cell_pb2_grpc.CellStub(self._channel(process.address))):
                yield piece
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.FAILED_PRECONDITION:
                raise CellAway(f"{cell.name}: {error.details()}") from error
            raise _sorted(cell, process, error) from error

    def _channel(self, address: str) -> grpc.aio.Channel:
        found = self._channels.pop(address, None) or self.dial(address)
        self._channels[address] = found  # the one used last stands last
        if len(self._channels) > CHANNELS_MAX:
            oldest = self._channels.pop(next(iter(self._channels)))
            closing = asyncio.create_task(oldest.close(CLOSE_GRACE_S))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        return found

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close(None)
        await asyncio.gather(*self._closing)


def _sorted(cell: Cell, process: Process, error: grpc.aio.AioRpcError) -> CellRefused | CellAway:
    said = error.details() or error.code().name
    if error.code() in _SAID_NO:
        return CellRefused(f"{cell.name}: {said}", error.code())
    if error.code() in _AWAY:
        return CellAway(f"cell {cell.name} at {process.address} does not answer: {said}")
    return CellAway(f"cell {cell.name} at {process.address} failed: {error.code().name} {said}")


def freshest(cell: Cell) -> Process:
    if not cell.processes:
        raise CellAway(f"cell {cell.name} has no process; none of it was ever heard of")
    return min(cell.processes, key=lambda process: process.heartbeat_age_s)


def steadiest(cell: Cell) -> Process:
    """The same one whoever asks, as long as it is heard of."""
    heard = [process for process in cell.processes if process.healthy]
    return min(heard, key=lambda process: process.process_id) if heard else freshest(cell)
