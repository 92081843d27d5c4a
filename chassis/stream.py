"""The tunnel's common machinery: frames over one bidirectional gRPC stream, many to a message.

A frame is encoded once, when it is sent: a `Batch` on the wire is then only its entries joined, which spares the copy
that `Batch(frames=...)` makes, and makes every length known. Used from one event loop.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

import grpc
from google.protobuf.message import DecodeError
from prometheus_client import Counter, Gauge, Histogram

from protos.tunnel.v1 import tunnel_pb2

BATCH_FRAMES = Histogram(
    "waggle_tunnel_batch_frames", "Frames in one batch written to a tunnel.", ["side"], buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
)
QUEUE_BYTES = Gauge("waggle_tunnel_queue_bytes", "Bytes waiting to be written to tunnels.", ["side"])
CREDIT_WAITS = Counter("waggle_tunnel_credit_waits_total", "Times a writer waited for the other side's credit.", ["side"])

BATCH_BYTES_MAX = 512 * 1024
"""A batch is closed once it holds this much; with one whole body on top it stays below a gRPC message of 1 MiB."""
WINDOW_BYTES = 4 * 1024 * 1024
QUEUE_BYTES_MAX = 8 * 1024 * 1024
LAST_WRITE_S_MAX = 2.0
"""How long an ended stream waits for the write that is on its way; a peer that does not read could hold it for ever."""

_FAILURES = (grpc.RpcError, grpc.aio.UsageError, grpc.aio.InternalError, asyncio.InvalidStateError)

OnFrame = Callable[[str, tunnel_pb2.Frame], None]
"""Takes the name of the frame's body and the frame; returns at once and does not raise."""


class StreamFull(Exception):
    """The queue holds all the bytes it may; the frame was not taken."""


class StreamGarbage(Exception):
    """The other side sent what is no batch of frames, or no Hello first."""


class StreamBroken(Exception):
    """The connection failed."""


class Transport(Protocol):
    """One end of a raw gRPC stream: a client's call or a server's context."""

    async def read(self) -> object:
        """One message's bytes, or `grpc.aio.EOF`."""

    async def write(self, message: bytes, /) -> None: ...


class FrameStream:
    """One tunnel. `send` queues; `run` reads and writes until either side ends.

    Flow control: the other side's Hello says how many bytes may be on their way; each Credit gives some back. Credit, Hello
    and GoAway never wait. A single frame may overdraw the window, so that no frame is too large to go.
    """

    def __init__(
        self, transport: Transport, side: str, *, queue_bytes_max: int = QUEUE_BYTES_MAX, window_bytes: int = WINDOW_BYTES
    ) -> None:
        self._transport = transport
        self._queue: deque[bytes] = deque()
        self._queue_bytes = 0
        self._queue_bytes_max = queue_bytes_max
        self._window_bytes = window_bytes
        self._allowance_bytes = 0
        self._consumed_bytes = 0
        self._urgent: list[bytes] = []
        self._awake: asyncio.Future[None] | None = None
        self._drained: list[asyncio.Future[None]] = []
        self._batch_frames, self._credit_waits = BATCH_FRAMES.labels(side), CREDIT_WAITS.labels(side)
        self._depth = QUEUE_BYTES.labels(side)
        self._metered_bytes = 0
        self.peer: tunnel_pb2.Hello | None = None
        self.closed = False

    def send(self, frame: tunnel_pb2.Frame) -> None:
        """Queue a frame. Raises StreamFull when the queue is over its bound; drops it silently once closed."""
        self.send_encoded(encode(frame))

    def send_encoded(self, entry: bytes) -> None:
        """As `send`, for what `encode` or `encode_request` made."""
        if self.closed:
            return
        if self._queue_bytes >= self._queue_bytes_max:
            raise StreamFull
        self._queue.append(entry)
        self._queue_bytes += len(entry)
        self._wake()

    def send_urgent(self, frame: tunnel_pb2.Frame) -> None:
        """Put a frame before all that wait, outside the window. For words about the tunnel itself."""
        if not self.closed:
            self._urgent.append(encode(frame))
            self._wake()

    @property
    def full(self) -> bool:
        return self._queue_bytes >= self._queue_bytes_max

    @property
    def roomy(self) -> bool:
        """Half of the queue is free."""
        return self._queue_bytes <= self._queue_bytes_max // 2

    @property
    def queue_bytes(self) -> int:
        return self._queue_bytes

    async def drain(self) -> None:
        """Return when half of the queue is free, or the stream is closed."""
        if self.closed or self._queue_bytes <= self._queue_bytes_max // 2:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._drained.append(waiter)
        await waiter

    async def run(self, hello: tunnel_pb2.Hello, on_frame: OnFrame) -> None:
        """Say Hello, then carry frames both ways until the other side ends (returns) or fails (StreamBroken, StreamGarbage).

        The other side's Hello goes to `on_frame` too. Cancelling it closes the stream.
        """
        hello.window_bytes = self._window_bytes
        self._urgent.insert(0, encode(tunnel_pb2.Frame(hello=hello)))
        writer = asyncio.create_task(self._write_all())
        reader = asyncio.create_task(self._read_all(on_frame))
        try:
            done, _ = await asyncio.wait((writer, reader), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self.close()
            reader.cancel()
            try:
                # gRPC cannot take back a write that it has begun, and refuses to send a call's status beside one.
                await asyncio.wait((writer,), timeout=LAST_WRITE_S_MAX)
            finally:
                writer.cancel()
                await asyncio.gather(writer, reader, return_exceptions=True)

    def close(self) -> None:
        """Stop: what is queued is dropped, `run` returns. May be called more than once."""
        if self.closed:
            return
        self.closed = True
        self._queue.clear()
        self._queue_bytes = 0
        self._meter()
        self._wake()
        self._release()

    # writing

    def _wake(self) -> None:
        awake = self._awake
        if awake is not None and not awake.done():
            awake.set_result(None)

    async def _write_all(self) -> None:
        while not self.closed:
            batch, frames = self._take_batch()
            if not frames:
                self._awake = asyncio.get_running_loop().create_future()
                await self._awake
                continue
            self._batch_frames.observe(frames)
            await self._write(batch)

    def _take_batch(self) -> tuple[bytes, int]:
        """All that waits and may go now, joined; 0 frames when that is nothing."""
        entries, self._urgent = self._urgent, []
        size = 0
        queue = self._queue
        while queue and size < BATCH_BYTES_MAX and self._allowance_bytes > size:
            entry = queue.popleft()
            size += len(entry)
            entries.append(entry)
        if size:
            self._queue_bytes -= size
            if self._drained and self._queue_bytes <= self._queue_bytes_max // 2:
                self._release()
        elif queue:
            self._credit_waits.inc()
        self._meter()
        batch = b"".join(entries)
        self._allowance_bytes -= len(batch)
        return batch, len(entries)

    def _meter(self) -> None:
        if self._queue_bytes != self._metered_bytes:
            self._depth.inc(self._queue_bytes - self._metered_bytes)
            self._metered_bytes = self._queue_bytes

    async def _write(self, batch: bytes) -> None:
        try:
            await self._transport.write(batch)
        except _FAILURES as error:
            raise StreamBroken(_said(error)) from error

    def _release(self) -> None:
        waiters, self._drained = self._drained, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    # reading

    async def _read_all(self, on_frame: OnFrame) -> None:
        parse = tunnel_pb2.Batch.FromString
        while (raw := await self._read()) is not None:
            try:
                batch = parse(raw)
            except DecodeError as error:
                raise StreamGarbage("not a batch of frames") from error
            for frame in batch.frames:
                self._on_frame(frame, on_frame)
            if self.closed:
                return
            self._consume(len(raw))

    async def _read(self) -> bytes | None:
        try:
            raw = await self._transport.read()
        except _FAILURES as error:
            raise StreamBroken(_said(error)) from error
        return raw if isinstance(raw, bytes) else None

    def _on_frame(self, frame: tunnel_pb2.Frame, on_frame: OnFrame) -> None:
        kind = frame.WhichOneof("body")
        if kind == "credit":
            self._allowance_bytes += frame.credit.bytes
            self._wake()
            return
        if kind == "hello":
            self._on_hello(frame.hello)
        elif self.peer is None:
            raise StreamGarbage("no Hello before the first frame")
        if kind is not None:  # None: a kind of frame that a newer peer knows and we do not
            on_frame(kind, frame)

    def _on_hello(self, hello: tunnel_pb2.Hello) -> None:
        if self.peer is not None:
            raise StreamGarbage("a second Hello")
        self.peer = hello
        self._allowance_bytes += hello.window_bytes
        self._wake()

    def _consume(self, size: int) -> None:
        """Give bytes back in few Credits: half a window at a time."""
        self._consumed_bytes += size
        if self._consumed_bytes * 2 >= self._window_bytes:
            self.send_urgent(tunnel_pb2.Frame(credit=tunnel_pb2.Credit(bytes=self._consumed_bytes)))
            self._consumed_bytes = 0


def encode(frame: tunnel_pb2.Frame) -> bytes:
    """A frame as an entry of `Batch.frames` (field 1, length-delimited)."""
    data = frame.SerializeToString()
    return b"\x0a" + _varint(len(data)) + data


def encode_request(stream: int, request: tunnel_pb2.Request) -> bytes:
    """As `encode(Frame(stream=stream, request=request))`, without copying the request into a frame (field 5)."""
    body = request.SerializeToString()
    head = b"\x08" + _varint(stream) + b"\x2a" + _varint(len(body))
    return b"\x0a" + _varint(len(head) + len(body)) + head + body


def _varint(number: int) -> bytes:
    if number < 0x80:
        return _ONE_BYTE[number]
    if number < 0x4000:
        return bytes((number & 0x7F | 0x80, number >> 7))
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


_ONE_BYTE = tuple(bytes((number,)) for number in range(0x80))


def _said(error: BaseException) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"
    return type(error).__name__
