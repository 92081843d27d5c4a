"""What hostile and broken clients get: cut by a limit, alone."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from router.edge.connection import Patience
from router.edge.http import HttpSettings
from router.edge.serving import ServingSettings
from tests.harness.edge import TOKEN, Edge, an_edge

pytestmark = pytest.mark.anyio
IMPATIENT = ServingSettings(patience=Patience(header_s=0.5, idle_s=1.5, write_s=1.0), drain_s=1.0, connections_max=20)
REQUEST = b"POST /api/auth.test HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + TOKEN.encode() + b"\r\n"


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    async with an_edge(settings=IMPATIENT, http=HttpSettings(body_wait_s=0.5)) as served:
        yield served


async def said(edge: Edge, *parts: bytes, pause_s: float = 0.0) -> bytes:
    """All that the edge says to these bytes until it hangs up."""
    reader, writer = await asyncio.open_connection(edge.host, edge.port)
    sending = asyncio.create_task(_send(writer, parts, pause_s))
    try:
        async with asyncio.timeout(20):
            return await reader.read()
    except ConnectionError:
        return b"reset"
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        writer.close()


async def _send(writer: asyncio.StreamWriter, parts: tuple[bytes, ...], pause_s: float) -> None:
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(pause_s)


async def still_serves(edge: Edge) -> bool:
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{edge.url}/api/auth.test", headers={"authorization": f"Bearer {TOKEN}"})
    return answer.status_code == 200


async def test_connection_that_says_nothing(edge: Edge) -> None:
    assert await said(edge) in (b"", b"reset")
    assert await still_serves(edge)


async def test_header_drop_by_drop(edge: Edge) -> None:
    drops = tuple(b"X-%d: y\r\n" % n for n in range(200))
    assert await said(edge, REQUEST, *drops, pause_s=0.2) in (b"", b"reset")
    assert edge.forwarder.requests == []
    assert await still_serves(edge)


async def test_header_drop_by_drop_on_a_kept_connection(edge: Edge) -> None:
    drops = tuple(b"X-%d: y\r\n" % n for n in range(200))
    answer = await said(edge, REQUEST + b"Content-Length: 0\r\n\r\n", REQUEST, *drops, pause_s=0.2)
    assert answer.count(b"HTTP/1.1 200") == 1


async def test_body_drop_by_drop(edge: Edge) -> None:
    answer = await said(edge, REQUEST + b"Content-Length: 1000\r\n\r\n", *(b"x" for _ in range(200)), pause_s=0.2)
    assert answer.startswith(b"HTTP/1.1 408")
    assert edge.forwarder.requests == []


async def test_header_flood(edge: Edge) -> None:
    answer = await said(edge, REQUEST, *(b"X-%d: " % n + b"y" * 1000 + b"\r\n" for n in range(1000)))
    assert answer.startswith(b"HTTP/1.1 431") or answer == b"reset"
    assert edge.forwarder.requests == []
    assert await still_serves(edge)


async def test_endless_request_line(edge: Edge) -> None:
    answer = await said(edge, b"GET /" + b"a" * 200_000)
    assert answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 414", b"HTTP/1.1 400")) or answer == b"reset"


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"\0" * 100,
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100,
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_garbage(edge: Edge, garbage: bytes) -> None:
    answer = await said(edge, garbage)
    assert b"200" not in answer.split(b"\r\n")[0]
    assert b"Traceback" not in answer
    assert await still_serves(edge)


async def test_kept_connection_is_closed_when_idle(edge: Edge) -> None:
    answer = await said(edge, REQUEST + b"Content-Length: 0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")


async def test_more_connections_than_allowed(edge: Edge) -> None:
    held = [await asyncio.open_connection(edge.host, edge.port) for _ in range(20)]
    assert await said(edge) in (b"", b"reset")
    assert len(edge.serving) <= 20
    for _, writer in held:
        writer.close()


async def test_pipelined_requests_are_answered_in_order(edge: Edge) -> None:
    answer = await said(edge, (REQUEST + b"Content-Length: 0\r\n\r\n") * 3)
    assert answer.count(b"HTTP/1.1 200") == 3
