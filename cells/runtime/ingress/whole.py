"""A request that came whole in a frame; its answer goes back in one, or is left as a parcel."""

from typing import Any

from cells.runtime.ingress.exchange import Exchange, Headers, never
from cells.runtime.ingress.parcels import Parcel, Parcels
from chassis.stream import FrameStream, StreamFull
from protos.tunnel.v1 import tunnel_pb2

BODY_WHOLE_BYTES_MAX = 256 * 1024
_TOO_MANY = b'{"ok":false,"error":"service_unavailable"}'


class WholeExchange(Exchange):
    def __init__(self, stream: int, body: bytes, frames: FrameStream, parcels: Parcels) -> None:
        super().__init__()
        self._stream = stream
        self._request_body: bytes | None = body
        self._frames = frames
        self._parcels = parcels
        self._chunks: list[bytes] = []
        self._size = 0
        self.parcel: Parcel | None = None

    async def receive(self) -> dict[str, Any]:
        body, self._request_body = self._request_body, None
        if body is None:
            return await never()
        return {"type": "http.request", "body": body, "more_body": False}

    async def _on_body(self, chunk: bytes, last: bool) -> None:
        if self.parcel is not None:
            return await self._on_parcel(self.parcel, chunk, last)
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > BODY_WHOLE_BYTES_MAX:
            return await self._detach(last)
        if last:
            await self.answer(self._status, self._headers, self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks))
        return None

    async def _detach(self, last: bool) -> None:
        self.parcel = parcel = self._parcels.add()
        if parcel is None:
            self.ended = True
            return await self.answer(503, [(b"retry-after", b"1")], _TOO_MANY)
        await self.answer(self._status, self._headers, b"", collect=parcel.token)
        return await self._on_parcel(parcel, b"".join(self._chunks), last)

    async def _on_parcel(self, parcel: Parcel, chunk: bytes, last: bool) -> None:
        await parcel.put(chunk)
        if last:
            await parcel.end(whole=True)

    async def _on_failure(self, status: int, headers: Headers, body: bytes) -> None:
        if self.parcel is not None:
            await self.parcel.end(whole=False)
        else:
            await self.answer(status, headers, body)

    async def answer(self, status: int, headers: Headers, body: bytes, collect: str = "") -> None:
        await send_when_free(self._frames, reply_frame(self._stream, status, headers, body, collect))


def reply_frame(stream: int, status: int, headers: Headers, body: bytes, collect: str = "") -> tunnel_pb2.Frame:
    """Filled in place: assigning a finished Reply to a Frame would copy it."""
    frame = tunnel_pb2.Frame(stream=stream)
    reply = frame.reply
    reply.status = status
    add = reply.headers.add
    for name, value in headers:
        add(name=name, value=value)
    if body:
        reply.body = body
    if collect:
        reply.collect = collect
    return frame


async def send_when_free(frames: FrameStream, frame: tunnel_pb2.Frame) -> None:
    """An answer waits for room in the queue; the number that wait is bounded by the number of requests in flight."""
    while True:
        try:
            return frames.send(frame)
        except StreamFull:
            await frames.drain()
