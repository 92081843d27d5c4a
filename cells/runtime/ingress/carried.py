"""A request whose body, or answer, streams on a gRPC call of its own; HTTP/2 flow control is the back-pressure."""

import asyncio
from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError

from cells.runtime.ingress.exchange import Exchange, Headers, never
from cells.runtime.ingress.parcels import Parcel
from chassis.stream import StreamGarbage, Transport
from protos.tunnel.v1 import tunnel_pb2

CHUNK_BYTES_MAX = 64 * 1024
IDLE_S = 30.0


class Carriage:
    """Chunks over one Carry call."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def read(self) -> tunnel_pb2.Chunk | None:
        """The next chunk; None when the router has sent its last. Raises TimeoutError after IDLE_S of silence."""
        async with asyncio.timeout(IDLE_S):
            raw = await self._transport.read()
        if not isinstance(raw, bytes):
            return None
        try:
            return tunnel_pb2.Chunk.FromString(raw)
        except DecodeError as error:
            raise StreamGarbage("not a chunk") from error

    async def write(self, chunk: tunnel_pb2.Chunk) -> None:
        async with asyncio.timeout(IDLE_S):
            await self._transport.write(chunk.SerializeToString())

    async def write_body(self, body: bytes) -> None:
        for start in range(0, len(body), CHUNK_BYTES_MAX):
            await self.write(tunnel_pb2.Chunk(body=body[start : start + CHUNK_BYTES_MAX]))

    async def write_parcel(self, parcel: Parcel) -> bool:
        """False: the app cut the body short; the router must learn it from the call's status."""
        try:
            while (chunk := await parcel.take()) is not None:
                await self.write_body(chunk)
            if parcel.whole:
                await self.write(tunnel_pb2.Chunk(end=True))
            return parcel.whole
        finally:
            parcel.abandon()


class CarriedExchange(Exchange):
    """`on_progress` is called with every chunk either way: the time allowed is for standing still, not for the whole of a large body."""

    def __init__(self, carriage: Carriage, on_progress: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self._carriage = carriage
        self._on_progress = on_progress
        self._body_read = False
        self._head_sent = False
        self.cut_short = False

    async def receive(self) -> dict[str, Any]:
        if self._body_read:
            return await never()
        chunk = await self._carriage.read()
        self._on_progress()
        if chunk is None:  # the router hung up before the end of the body
            self._body_read = True
            return {"type": "http.disconnect"}
        if chunk.WhichOneof("part") == "body":
            return {"type": "http.request", "body": chunk.body, "more_body": True}
        if not chunk.end:
            raise StreamGarbage("neither body nor end")
        self._body_read = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _on_body(self, chunk: bytes, last: bool) -> None:
        await self._send_head(self._status, self._headers)
        await self._carriage.write_body(chunk)
        self._on_progress()
        if last:
            await self._carriage.write(tunnel_pb2.Chunk(end=True))

    async def _on_failure(self, status: int, headers: Headers, body: bytes) -> None:
        if self._head_sent:
            self.cut_short = True
            return
        await self._send_head(status, headers)
        await self._carriage.write_body(body)
        await self._carriage.write(tunnel_pb2.Chunk(end=True))

    async def _send_head(self, status: int, headers: Headers) -> None:
        if self._head_sent:
            return
        self._head_sent = True
        reply = tunnel_pb2.Reply(status=status, headers=[tunnel_pb2.Header(name=name, value=value) for name, value in headers])
        await self._carriage.write(tunnel_pb2.Chunk(reply=reply))
