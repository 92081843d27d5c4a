"""FrameStream over two queues instead of gRPC."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import grpc
import pytest

from chassis.stream import FrameStream, StreamBroken, StreamFull, StreamGarbage, encode, encode_request
from protos.tunnel.v1 import tunnel_pb2

pytestmark = pytest.mark.anyio


class Pipe:
    """One direction holds `room` messages, as HTTP/2's window would."""

    def __init__(self, inbox: "asyncio.Queue[bytes | None]", outbox: "asyncio.Queue[bytes | None]") -> None:
        self.inbox, self.outbox = inbox, outbox
        self.written: list[bytes] = []

    async def read(self) -> object:
        message = await self.inbox.get()
        return grpc.aio.EOF if message is None else message  # type: ignore[attr-defined]

    async def write(self, message: bytes, /) -> None:
        self.written.append(message)
        await self.outbox.put(message)


class End:
    def __init__(self, pipe: Pipe, **bounds: int) -> None:
        self.pipe = pipe
        self.frames = FrameStream(pipe, "test", **bounds)
        self.got: list[tunnel_pb2.Frame] = []
        self.task: asyncio.Task[None] | None = None

    def run(self) -> "asyncio.Task[None]":
        self.task = asyncio.create_task(self.frames.run(tunnel_pb2.Hello(process_id="x"), lambda _kind, frame: self.got.append(frame)))
        return self.task


@contextlib.asynccontextmanager
async def pair(room: int = 0, **bounds: int) -> AsyncIterator[tuple[End, End]]:
    there: asyncio.Queue[bytes | None] = asyncio.Queue(room)
    back: asyncio.Queue[bytes | None] = asyncio.Queue(room)
    left, right = End(Pipe(back, there), **bounds), End(Pipe(there, back), **bounds)
    yield left, right
    for end in (left, right):
        if end.task is not None:
            end.task.cancel()
            await asyncio.gather(end.task, return_exceptions=True)


async def until(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not fact():  # noqa: ASYNC110
            await asyncio.sleep(0)


def message(stream: int, text: str = "") -> tunnel_pb2.Frame:
    return tunnel_pb2.Frame(stream=stream, message=tunnel_pb2.Message(text=text))


def texts(frames: list[tunnel_pb2.Frame]) -> list[str]:
    return [frame.message.text for frame in frames if frame.HasField("message")]


@pytest.mark.parametrize("size", [0, 1, 100, 127, 128, 16_000, 16_383, 16_384, 300_000, 3_000_000])
def test_an_encoded_frame_is_an_entry_of_a_batch(size: int) -> None:
    frame = message(1 << 40, "x" * size)
    assert tunnel_pb2.Batch.FromString(encode(frame) * 2).frames == [frame, frame]
    request = tunnel_pb2.Request(body=b"x" * size)
    asked = tunnel_pb2.Frame(stream=1 << 40, request=request)
    assert tunnel_pb2.Batch.FromString(encode_request(1 << 40, request)).frames == [asked]


async def test_what_waits_goes_in_one_batch_in_order() -> None:
    async with pair() as (left, right):
        left.run(), right.run()
        await until(lambda: left.frames.peer is not None and right.frames.peer is not None)
        before = len(left.pipe.written)
        for n in range(100):
            left.frames.send(message(1, str(n)))
        await until(lambda: len(texts(right.got)) == 100)
        assert texts(right.got) == [str(n) for n in range(100)]
        assert len(left.pipe.written) == before + 1


async def test_a_full_queue_refuses_and_drains() -> None:
    async with pair(queue_bytes_max=1000) as (left, right):
        with pytest.raises(StreamFull):
            for _ in range(100):
                left.frames.send(message(1, "x" * 100))
        assert left.frames.queue_bytes < 1200
        drained = asyncio.create_task(left.frames.drain())
        await asyncio.sleep(0)
        assert not drained.done()
        left.run(), right.run()
        await drained
        left.frames.send(message(1))


async def test_nothing_goes_beyond_the_window_until_credit_comes() -> None:
    async with pair(window_bytes=1000) as (left, right):
        left.run()
        right.frames.send_urgent(tunnel_pb2.Frame(hello=tunnel_pb2.Hello(window_bytes=1000)))
        await left.pipe.inbox.put(encode(tunnel_pb2.Frame(hello=tunnel_pb2.Hello(window_bytes=1000))))
        for _ in range(100):
            left.frames.send(message(1, "x" * 100))
        await until(lambda: sum(map(len, left.pipe.written)) > 900)
        for _ in range(20):
            await asyncio.sleep(0)
        sent = sum(map(len, left.pipe.written))
        assert sent <= 1000 + 120
        await left.pipe.inbox.put(encode(tunnel_pb2.Frame(credit=tunnel_pb2.Credit(bytes=500))))
        await until(lambda: sum(map(len, left.pipe.written)) > sent)
        assert sum(map(len, left.pipe.written)) <= 1500 + 120


async def test_credit_flows_by_itself_for_as_long_as_both_read() -> None:
    async with pair(window_bytes=2000) as (left, right):
        left.run(), right.run()
        for _ in range(500):
            left.frames.send(message(1, "x" * 200))
            right.frames.send(message(1, "y" * 200))
        await until(lambda: len(texts(right.got)) == 500 and len(texts(left.got)) == 500)
        assert not (left.frames.queue_bytes or right.frames.queue_bytes)


async def test_words_about_the_tunnel_overtake() -> None:
    async with pair() as (left, right):
        left.frames.send(message(1, "first"))
        left.run(), right.run()
        left.frames.send_urgent(tunnel_pb2.Frame(go_away=tunnel_pb2.GoAway(reason="bye")))
        await until(lambda: len(right.got) == 3)
        assert [frame.WhichOneof("body") for frame in right.got] == ["hello", "go_away", "message"]


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff\xff",
        encode(message(1, "before hello")),
        encode(tunnel_pb2.Frame(hello=tunnel_pb2.Hello())) * 2,
    ],
)
async def test_garbage_ends_the_stream(raw: bytes) -> None:
    async with pair() as (left, _):
        task = left.run()
        await left.pipe.inbox.put(raw)
        with pytest.raises(StreamGarbage):
            await task
        assert left.frames.closed


async def test_a_frame_of_a_newer_peer_is_passed_over() -> None:
    async with pair() as (left, _):
        left.run()
        unknown = b"\x08\x01" + b"\xfa\x01\x00"  # stream 1, field 31
        await left.pipe.inbox.put(
            encode(tunnel_pb2.Frame(hello=tunnel_pb2.Hello())) + b"\x0a" + bytes((len(unknown),)) + unknown + encode(message(1, "known"))
        )
        await until(lambda: texts(left.got) == ["known"])
        assert not left.frames.closed


async def test_the_other_side_ending_ends_the_run_and_frees_who_waits() -> None:
    async with pair(queue_bytes_max=100) as (left, _):
        left.frames.send(message(1, "x" * 200))
        drained = asyncio.create_task(left.frames.drain())
        task = left.run()
        await left.pipe.inbox.put(None)
        await asyncio.wait_for(asyncio.gather(task, drained), 5)
        left.frames.send(message(1))
        assert left.frames.closed and left.frames.queue_bytes == 0


async def test_a_failing_transport_breaks_the_stream() -> None:
    async with pair() as (left, _):

        async def fail(_message: bytes) -> None:
            raise asyncio.InvalidStateError

        left.pipe.write = fail  # type: ignore[method-assign]
        with pytest.raises(StreamBroken):
            await left.run()


class SlowPipe(Pipe):
    """A write takes until the test lets it end, and must not be interrupted, as in gRPC."""

    def __init__(self) -> None:
        super().__init__(asyncio.Queue(), asyncio.Queue())
        self.writing = asyncio.Event()
        self.gate = asyncio.Event()
        self.interrupted = False

    async def write(self, message: bytes, /) -> None:
        self.writing.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.interrupted = True
            raise


async def test_a_write_on_its_way_ends_before_the_stream_does() -> None:
    """Cancelled, it stays begun in gRPC, the call's status is refused beside it, and the peer waits for ever."""
    pipe = SlowPipe()
    end = End(pipe)
    running = end.run()
    await pipe.writing.wait()
    await pipe.inbox.put(encode(message(1)))
    await until(lambda: end.frames.closed)
    assert not running.done()
    pipe.gate.set()
    with pytest.raises(StreamGarbage):
        await running
    assert not pipe.interrupted


async def test_a_write_that_never_ends_holds_an_ended_stream_for_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """I8."""
    monkeypatch.setattr("chassis.stream.LAST_WRITE_S_MAX", 0.01)
    pipe = SlowPipe()
    running = End(pipe).run()
    await pipe.writing.wait()
    await pipe.inbox.put(encode(message(1)))
    async with asyncio.timeout(5):
        with pytest.raises(StreamGarbage):
            await running
    assert pipe.interrupted
