"""Large bodies: each on a Carry call of its own, where HTTP/2 flow control is the back-pressure."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from protos.tunnel.v1 import tunnel_pb2
from router.forward.errors import CellUnavailable, DeadlineExceeded
from router.forward.replies import Reply
from router.forward.tunnels import CARRY, Tunnel

CHUNK_BYTES_MAX = 64 * 1024
CONTINUE = "waggle-continue"
"""Initial metadata by which the cell takes a request; only then does its body leave the router."""
_FAILURES = (grpc.RpcError, grpc.aio.UsageError, grpc.aio.InternalError, asyncio.InvalidStateError)


class Carriage:
    """One Carry call. `on_end` is called once, when it is over."""

    def __init__(self, tunnel: Tunnel, idle_s_max: float, on_end: Callable[[], None]) -> None:
        self._call: Any = tunnel.channel.stream_stream(CARRY)()
        self._cell, self._idle_s_max, self._on_end = tunnel.cell, idle_s_max, on_end
        self._upload: asyncio.Task[None] | None = None
        self._ended = False

    def collect(self, token: str) -> None:
        """Ask for a detached body, now: the cell keeps it for a short time only."""
        self._upload = asyncio.create_task(self._collect(token))

    async def _collect(self, token: str) -> None:
        with contextlib.suppress(CellUnavailable):  # reading says why
            await self.write(tunnel_pb2.Chunk(collect=token))

    async def write(self, chunk: tunnel_pb2.Chunk) -> None:
        try:
            async with asyncio.timeout(self._idle_s_max):
                await self._call.write(chunk.SerializeToString())
        except _FAILURES as error:
            raise self._broken("writing") from error

    async def read(self) -> tunnel_pb2.Chunk:
        """The next chunk. Raises CellUnavailable where the call ends instead, DeadlineExceeded after too long a silence."""
        try:
            async with asyncio.timeout(self._idle_s_max):
                raw = await self._call.read()
            if isinstance(raw, bytes):
                return tunnel_pb2.Chunk.FromString(raw)
        except TimeoutError:
            raise DeadlineExceeded(self._cell) from None
        except (*_FAILURES, DecodeError) as error:
            raise self._broken("reading") from error
        raise self._broken("the body was cut short")

    async def taken(self) -> bool:
        """Whether the cell takes the request; if not, the next chunk is its refusal."""
        try:
            async with asyncio.timeout(self._idle_s_max):
                metadata = await self._call.initial_metadata()
        except TimeoutError:
            raise DeadlineExceeded(self._cell) from None
        except _FAILURES as error:
            raise self._broken("asking") from error
        return any(key == CONTINUE for key, _ in metadata or ())

    async def upload(self, body: AsyncIterator[bytes]) -> tunnel_pb2.Chunk:
        """Send the body until the cell answers (it may before the end). Raises what `body` raises."""
        upload = self._upload = asyncio.create_task(self._send(body))
        answer = asyncio.create_task(self.read_until_answer(upload))
        try:
            await asyncio.wait((upload, answer), return_when=asyncio.FIRST_COMPLETED)
            if upload.done() and not answer.done():
                upload.result()
            return await answer
        finally:
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)

    async def read_until_answer(self, upload: "asyncio.Task[None]") -> tunnel_pb2.Chunk:
        """The silence that matters begins when the body is through."""
        reading = asyncio.ensure_future(self._call.read())
        try:
            await asyncio.wait((reading, upload), return_when=asyncio.FIRST_COMPLETED)
            async with asyncio.timeout(self._idle_s_max):
                raw = await reading
            if isinstance(raw, bytes):
                return tunnel_pb2.Chunk.FromString(raw)
        except TimeoutError:
            raise DeadlineExceeded(self._cell) from None
        except (*_FAILURES, DecodeError) as error:
            raise self._broken("uploading") from error
        finally:
            reading.cancel()
        raise self._broken("no answer to the upload")

    async def _send(self, body: AsyncIterator[bytes]) -> None:
        with contextlib.suppress(CellUnavailable):  # why the cell hung up is what reading says
            async for piece in body:
                for start in range(0, len(piece), CHUNK_BYTES_MAX):
                    await self.write(tunnel_pb2.Chunk(body=piece[start : start + CHUNK_BYTES_MAX]))
            await self.write(tunnel_pb2.Chunk(end=True))

    async def aclose(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._call.cancel()
        if self._upload is not None:
            self._upload.cancel()
            await asyncio.gather(self._upload, return_exceptions=True)
        self._on_end()

    def _broken(self, doing: str) -> CellUnavailable:
        return CellUnavailable(self._cell, f"carry failed: {doing}", executed_maybe=True)


class CarriedBody:
    """The rest of a reply."""

    def __init__(self, carriage: Carriage) -> None:
        self._carriage = carriage

    def __aiter__(self) -> "CarriedBody":
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._carriage.read()
        except BaseException:
            await self._carriage.aclose()
            raise
        if chunk.WhichOneof("part") == "body":
            return chunk.body
        await self._carriage.aclose()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        await self._carriage.aclose()


def reply_of(reply: tunnel_pb2.Reply, rest: CarriedBody | None = None) -> Reply:
    return Reply(reply.status, [(header.name, header.value) for header in reply.headers], reply.body, rest)
