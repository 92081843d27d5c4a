"""RFC 6455 as a client may bend it: what breaks a rule is closed with the code the RFC names, and only that socket."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from router.edge.connection import Patience
from router.edge.serving import ServingSettings
from tests.harness.edge import Edge, FakeSession, an_edge
from tests.harness.eventually import eventually
from tests.harness.rawsocket import BINARY, CLOSE, CONTINUATION, NO_CODE, PING, PONG, TEXT, RawSocket, close_frame, frame_of

pytestmark = pytest.mark.anyio
MESSAGE_BYTES_MAX = ServingSettings().message_bytes_max
PROTOCOL_ERROR, INVALID_DATA, TOO_BIG = 1002, 1007, 1009


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    """And after each test: nothing is left of its sockets, and the next client is served."""
    async with an_edge() as served, asyncio.timeout(60):
        yield served
        await eventually(lambda: len(served.serving) == 0, within_s=10)
        raw, session = await a_pair(served)
        await raw.send(frame_of(TEXT, b"next"))
        assert await session.heard.get() == "next"
        raw.close()


async def a_pair(edge: Edge) -> tuple[RawSocket, FakeSession]:
    raw = await RawSocket.open(edge)
    return raw, await edge.forwarder.sessions.get()


async def code_after(edge: Edge, *frames: bytes) -> int:
    """The close code that the edge answers with; the session must have been told too."""
    raw, session = await a_pair(edge)
    await raw.send(b"".join(frames))
    code, _ = await raw.close_code()
    async with asyncio.timeout(10):
        await session.closed.get()
    raw.close()
    return code


BROKEN = {
    "RSV1 without an extension": (frame_of(TEXT, b"x", reserved=4),),
    "RSV2": (frame_of(TEXT, b"x", reserved=2),),
    "RSV3": (frame_of(TEXT, b"x", reserved=1),),
    "reserved data opcode": (frame_of(3, b"x"),),
    "reserved control opcode": (frame_of(11, b""),),
    "unmasked": (frame_of(TEXT, b"x", masked=False),),
    "unmasked and empty": (frame_of(TEXT, b"", masked=False),),
    "continuation of nothing": (frame_of(CONTINUATION, b"x"),),
    "text inside a fragmented text": (frame_of(TEXT, b"x", final=False), frame_of(TEXT, b"y")),
    "fragmented ping": (frame_of(PING, b"x", final=False),),
    "fragmented close": (frame_of(CLOSE, b"", final=False),),
    "ping of 126 bytes": (frame_of(PING, b"x" * 126),),
    "close of one byte": (frame_of(CLOSE, b"\x03"),),
}


@pytest.mark.parametrize("frames", BROKEN.values(), ids=BROKEN)
async def test_protocol_errors(edge: Edge, frames: tuple[bytes, ...]) -> None:
    assert await code_after(edge, *frames) == PROTOCOL_ERROR


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535])
async def test_close_codes_that_may_not_be_sent(edge: Edge, code: int) -> None:
    assert await code_after(edge, close_frame(code)) == PROTOCOL_ERROR


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 3000, 3999, 4000, 4999])
async def test_close_codes_that_may_be_sent_come_back(edge: Edge, code: int) -> None:
    assert await code_after(edge, close_frame(code, "bye")) == code


async def test_a_close_without_a_code(edge: Edge) -> None:
    assert await code_after(edge, frame_of(CLOSE, b"")) in (NO_CODE, 1000)


NOT_UTF8 = {
    "a lone byte": (frame_of(TEXT, b"ok \xff"),),
    "overlong": (frame_of(TEXT, b"\xc0\xaf"),),
    "a surrogate": (frame_of(TEXT, b"\xed\xa0\x80"),),
    "cut short": (frame_of(TEXT, "ü".encode()[:1]),),
    "beyond Unicode": (frame_of(TEXT, b"\xf4\x90\x80\x80"),),
    "in a fragment": (frame_of(TEXT, "ü".encode()[:1], final=False), frame_of(CONTINUATION, b"x")),
    "in a close": (frame_of(CLOSE, b"\x03\xe8\xff"),),
}


@pytest.mark.parametrize("frames", NOT_UTF8.values(), ids=NOT_UTF8)
async def test_text_that_is_not_utf8(edge: Edge, frames: tuple[bytes, ...]) -> None:
    assert await code_after(edge, *frames) == INVALID_DATA


TOO_LARGE = {
    "one frame": (frame_of(TEXT, b"x" * (MESSAGE_BYTES_MAX + 1)),),
    "binary": (frame_of(BINARY, b"x" * (MESSAGE_BYTES_MAX + 1)),),
    "in fragments": tuple(frame_of(CONTINUATION if n else TEXT, b"x" * 1024, final=False) for n in range(MESSAGE_BYTES_MAX // 1024 + 1)),
    "announced as 1 TiB": (b"\x81\xff" + (1 << 40).to_bytes(8) + b"mask" + b"x" * (MESSAGE_BYTES_MAX + 1),),
}


@pytest.mark.parametrize("frames", TOO_LARGE.values(), ids=TOO_LARGE)
async def test_too_large(edge: Edge, frames: tuple[bytes, ...]) -> None:
    assert await code_after(edge, *frames) == TOO_BIG


async def test_the_largest_message_arrives_whole_with_pings_between_its_fragments(edge: Edge) -> None:
    raw, session = await a_pair(edge)
    text = "ü" * (MESSAGE_BYTES_MAX // 2)
    data = text.encode()
    pieces = [data[start : start + 9_999] for start in range(0, len(data), 9_999)]  # odd, so that a letter is cut in two
    for number, piece in enumerate(pieces):
        await raw.send(frame_of(CONTINUATION if number else TEXT, piece, final=number == len(pieces) - 1))
        await raw.send(frame_of(PING, b"%d" % number))
        assert await raw.frame() == (PONG, b"%d" % number)
    assert await session.heard.get() == text
    raw.close()


async def test_an_empty_message_and_empty_fragments(edge: Edge) -> None:
    raw, session = await a_pair(edge)
    await raw.send(frame_of(TEXT, b"") + frame_of(TEXT, b"", final=False) + frame_of(CONTINUATION, b"", final=False))
    await raw.send(frame_of(CONTINUATION, b"x"))
    assert [await session.heard.get() for _ in range(2)] == ["", "x"]
    raw.close()


async def test_binary_is_the_cells_to_refuse(edge: Edge) -> None:
    raw, session = await a_pair(edge)
    await raw.send(frame_of(BINARY, b"\x00\xff"))
    assert await session.heard.get() == b"\x00\xff"
    session.sink.close(1003, "text only")
    assert await raw.close_code() == (1003, "text only")
    raw.close()


async def test_a_pong_that_nobody_asked_for_is_passed_over(edge: Edge) -> None:
    raw, session = await a_pair(edge)
    await raw.send(frame_of(PONG, b"unasked") + frame_of(TEXT, b"x"))
    assert await session.heard.get() == "x"
    raw.close()


async def test_a_byte_at_a_time(edge: Edge) -> None:
    raw, session = await a_pair(edge)
    raw.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in frame_of(TEXT, "slöw".encode()) + frame_of(PING, b"p"):
        await raw.send(bytes([byte]))
        await asyncio.sleep(0.005)
    assert await session.heard.get() == "slöw"
    assert await raw.frame() == (PONG, b"p")
    raw.close()


async def test_an_upgrade_at_a_byte_a_second_is_cut_in_time() -> None:
    async with an_edge(settings=ServingSettings(patience=Patience(header_s=1.0), drain_s=1.0)) as edge, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection(edge.host, edge.port)
        cut = asyncio.create_task(reader.read())
        for byte in b"GET /rtm/x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n":
            if cut.done():
                break
            writer.write(bytes([byte]))
            await asyncio.wait([cut], timeout=0.5)
        assert cut.done()
        cut.exception()  # a reset is as good as an end
        await eventually(lambda: len(edge.serving) == 0)
        writer.close()


async def test_half_closed(edge: Edge) -> None:
    """A client that sends no more has left: there is no socket with one direction."""
    raw, session = await a_pair(edge)
    raw.writer.write_eof()
    async with asyncio.timeout(10):
        code, _ = await session.closed.get()
        await raw.reader.read()
    assert code == 1006
    raw.close()


async def test_reset(edge: Edge) -> None:
    raw, session = await a_pair(edge)
    raw.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()
    async with asyncio.timeout(10):
        assert (await session.closed.get())[0] == 1006


async def test_a_close_that_is_never_answered_is_cut() -> None:
    async with an_edge(settings=ServingSettings(patience=Patience(closing_s=0.5), drain_s=1.0)) as edge, asyncio.timeout(20):
        raw, session = await a_pair(edge)
        session.sink.close(4001, "reload")
        assert await raw.frame() == (CLOSE, (4001).to_bytes(2) + b"reload")
        assert await raw.reader.read() == b""
        await session.closed.get()
        raw.close()


async def test_data_after_a_close_is_not_heard(edge: Edge) -> None:
    raw, session = await a_pair(edge)
    await raw.send(close_frame(1000) + frame_of(TEXT, b"one more thing"))
    assert (await raw.close_code())[0] == 1000
    await session.closed.get()
    assert session.heard.empty()
    raw.close()


async def test_a_flood_of_pings_is_answered_in_order(edge: Edge) -> None:
    raw, session = await a_pair(edge)
    count = 5_000
    sending = asyncio.create_task(raw.send(b"".join(frame_of(PING, b"%d" % number) for number in range(count))))
    for number in range(count):
        assert await raw.frame() == (PONG, b"%d" % number)
    await sending
    await raw.send(frame_of(TEXT, b"x"))
    assert await session.heard.get() == "x"
    raw.close()


async def test_a_flood_of_pings_by_one_who_does_not_read_stops_at_the_network() -> None:
    """Pongs wait in one bounded buffer; then the edge reads no more from this client, and soon cuts it."""
    async with an_edge(settings=ServingSettings(patience=Patience(write_s=1.0), drain_s=1.0)) as edge, asyncio.timeout(60):
        raw = await RawSocket.open(edge, receive_bytes=4096)
        session = await edge.forwarder.sessions.get()
        wire = session.sink._wire  # type: ignore[attr-defined]
        flood = frame_of(PING, b"x" * 125) * 100
        try:
            while session.closed.empty():
                raw.writer.write(flood)
                await raw.writer.drain()
                assert wire.unsent_bytes() < 1 << 20
        except ConnectionError:
            pass  # how a client learns that it was cut
        await session.closed.get()
        raw.close()
