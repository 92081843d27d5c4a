"""WebSockets at the real edge, with a real client."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from router.app.settings import EdgeSettings
from router.edge.connection import Patience
from router.edge.serving import SWEEP_S, ServingSettings
from router.edge.sockets import SocketSettings
from router.edge.tasks import TaskGroup
from router.forward import CellUnavailable, Refused
from tests.harness.edge import WORKSPACE, Edge, FakeSession, an_edge
from tests.harness.eventually import eventually

pytestmark = pytest.mark.anyio
PATH = f"/rtm/{WORKSPACE}/ticket"


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    async with an_edge() as served:
        yield served


async def opened(edge: Edge) -> FakeSession:
    async with asyncio.timeout(5):
        return await edge.forwarder.sessions.get()


async def closed(client: ClientConnection) -> tuple[int | None, str]:
    async with asyncio.timeout(10):
        await client.wait_closed()
    return client.close_code, client.close_reason or ""


async def test_conversation(edge: Edge) -> None:
    edge.forwarder.hello = ('{"type":"hello"}',)
    async with connect(edge.ws + PATH + "?a=b", additional_headers={"x-request-id": "s-1"}) as client:
        session = await opened(edge)
        assert (session.opening.workspace_id, session.opening.epoch) == (WORKSPACE, 3)
        assert (session.opening.path, session.opening.query) == (PATH.encode(), b"a=b")
        assert (session.opening.request_id, session.opening.scheme, session.opening.client) == ("s-1", "ws", "127.0.0.1")
        assert await client.recv() == '{"type":"hello"}'
        await client.send('{"type":"message","id":1}')
        assert await session.heard.get() == '{"type":"message","id":1}'
        assert session.sink.send('{"ok":true,"reply_to":1}')
        assert await client.recv() == '{"ok":true,"reply_to":1}'
        await client.send(b"\0binary")
        assert await session.heard.get() == b"\0binary"
    assert (await session.closed.get())[0] == 1000


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 300_000])
async def test_texts_of_every_frame_size(edge: Edge, size: int) -> None:
    async with connect(edge.ws + PATH) as client:
        session = await opened(edge)
        text = "ü" * (size // 2) + "x" * (size % 2)
        await client.ping()
        for _ in range(3):
            session.sink.send(text)
            assert await client.recv() == text


async def test_order_is_kept_between_what_waited_and_what_goes_through(edge: Edge) -> None:
    edge.forwarder.hello = tuple(f"h{n}" for n in range(50))
    async with connect(edge.ws + PATH) as client:
        session = await opened(edge)
        for n in range(500):
            session.sink.send(f"m{n}")
            if n % 50 == 0:
                await asyncio.sleep(0)
        got = [await client.recv() for _ in range(550)]
    assert got == [f"h{n}" for n in range(50)] + [f"m{n}" for n in range(500)]


async def test_pings_are_answered_without_the_cell(edge: Edge) -> None:
    async with connect(edge.ws + PATH) as client:
        session = await opened(edge)
        await client.send('{"type":"ping","id":7,"time":12}')
        assert json.loads(await client.recv()) == {"type": "pong", "reply_to": 7, "time": 12}
        session.reached = 41
        await client.send('{"id":8,"type":"ping"}')
        assert json.loads(await client.recv()) == {"type": "pong", "reply_to": 8, "seq": 41}
        for other in ('{"type":"message","text":"ping"}', '"ping"', '{"ping":', '{"type":"ping","x":"' + "x" * 3000 + '"}'):
            await client.send(other)
            assert await session.heard.get() == other


async def test_one_event_for_many(edge: Edge) -> None:
    clients = [await connect(edge.ws + PATH) for _ in range(20)]
    sessions = [await opened(edge) for _ in clients]
    event = json.dumps({"type": "message", "text": "hi"})
    assert all(session.sink.send(event) for session in sessions)
    assert [await client.recv() for client in clients] == [event] * 20
    for client in clients:
        await client.close()


async def test_handshake_refused_by_the_workload(edge: Edge) -> None:
    edge.forwarder.refusing = Refused(403, "unauthorized")
    with pytest.raises(InvalidStatus) as refused:
        await connect(edge.ws + PATH)
    assert refused.value.response.status_code == 403
    assert json.loads(refused.value.response.body)["ok"] is False


@pytest.mark.parametrize(("path", "status"), [("/rtm/nonsense/x", 404), ("/api/rtm", 401), ("/", 404), ("/w/unknown/rtm", 503)])
async def test_handshake_for_no_workspace(edge: Edge, path: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(edge.ws + path)
    assert refused.value.response.status_code == status


async def test_handshake_while_the_cell_is_down(edge: Edge) -> None:
    edge.forwarder.refusing = CellUnavailable("cell-1", "gone")
    with pytest.raises(InvalidStatus) as refused:
        await connect(edge.ws + PATH)
    assert refused.value.response.status_code == 503
    assert refused.value.response.headers["retry-after"] == "1"


async def test_compression_is_off_unless_it_is_set(edge: Edge) -> None:
    async with connect(edge.ws + PATH, compression="deflate") as client:
        assert "sec-websocket-extensions" not in client.response.headers  # type: ignore[union-attr]


async def test_compression_is_negotiated_when_set() -> None:
    async with an_edge(settings=ServingSettings(compression=True, drain_s=1.0)) as edge:
        async with connect(edge.ws + PATH, compression="deflate") as client:
            assert client.response is not None
            assert client.response.headers["sec-websocket-extensions"].startswith("permessage-deflate")
            session = await opened(edge)
            session.sink.send("x" * 10_000)
            assert await client.recv() == "x" * 10_000
            await client.send("y" * 10_000)
            assert await session.heard.get() == "y" * 10_000
        async with connect(edge.ws + PATH, compression=None) as client:
            session = await opened(edge)
            session.sink.send("plain")
            assert await client.recv() == "plain"


async def test_close_by_the_cell(edge: Edge) -> None:
    async with connect(edge.ws + PATH) as client:
        session = await opened(edge)
        session.sink.send("last words")
        session.sink.close(4001, "bye")
        assert await client.recv() == "last words"
        assert await closed(client) == (4001, "bye")


async def test_message_over_the_limit_ends_the_socket(edge: Edge) -> None:
    async with connect(edge.ws + PATH) as client:
        session = await opened(edge)
        await client.send("x" * (65 << 10))
        assert (await closed(client))[0] == 1009
        assert await session.closed.get()


async def test_workspace_that_does_not_keep_up(edge: Edge) -> None:
    async with connect(edge.ws + PATH) as client:
        session = await opened(edge)
        session.takes = False
        await client.send("one too many")
        assert (await closed(client))[0] == 1013


async def test_slow_reader_is_let_go_and_nobody_else() -> None:
    patience = Patience(closing_s=0.5)
    sockets = SocketSettings(send_bytes_max=256 << 10)
    async with an_edge(sockets=sockets, settings=ServingSettings(patience=patience, drain_s=1.0)) as edge:
        slow = await asyncio.get_running_loop().run_in_executor(None, raw_socket, edge, PATH)
        slow_session = await opened(edge)
        async with connect(edge.ws + PATH) as client:
            session = await opened(edge)
            event = "x" * 60_000
            takes = True
            for _ in range(500):
                takes = slow_session.sink.send(event)
                assert session.sink.send(event)
                assert await client.recv() == event
                if not takes:
                    break
            assert not takes
            async with asyncio.timeout(10):
                await slow_session.closed.get()
            assert session.sink.send("still here")
            assert await client.recv() == "still here"
        slow.close()


def raw_socket(edge: Edge, path: str) -> socket.socket:
    """A WebSocket that is open and then never read."""
    sock = socket.create_connection((edge.host, edge.port), timeout=5)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.sendall(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    assert sock.recv(12) == b"HTTP/1.1 101"
    return sock


async def test_silent_socket_is_cut_and_an_answering_one_is_kept() -> None:
    patience = Patience(ping_s=0.5, silence_s=2.0)
    async with an_edge(settings=ServingSettings(patience=patience, drain_s=1.0)) as edge:
        mute = await asyncio.get_running_loop().run_in_executor(None, raw_socket, edge, PATH)
        mute_session = await opened(edge)
        async with connect(edge.ws + PATH) as client:  # answers pings by itself
            session = await opened(edge)
            async with asyncio.timeout(15):
                await mute_session.closed.get()
            session.sink.send("alive")
            assert await client.recv() == "alive"
        mute.close()


PING = b"\x89\x00"


def until_ping(sock: socket.socket) -> bytes:
    received = b""
    while PING not in received:
        received += sock.recv(4096)
    return received


async def test_by_default_a_socket_is_pinged_after_30_s_and_cut_within_60_s_of_silence() -> None:
    """The sweeps of a minute, at the times they would come; between two of them lies `SWEEP_S`."""
    settings = EdgeSettings().serving
    assert settings.patience.silence_s + 2 * SWEEP_S <= 60.0, "cut within a minute, however late a sweep is noticed"
    assert settings.patience.silence_s > 1.5 * settings.patience.ping_s, "who answers at all is heard before that"
    async with an_edge(settings=settings) as edge:
        mute = await asyncio.get_running_loop().run_in_executor(None, raw_socket, edge, PATH)
        session = await opened(edge)
        [connection] = edge.serving._open
        heard_s = connection._times.heard_s
        for second in range(1, 58):
            edge.serving.sweep_once(heard_s + second)
            assert len(connection._wires) == 1 and next(iter(connection._wires.values())).pinged_s <= heard_s + 31
            assert not connection.writer.transport.is_closing(), f"{second} s of silence"
        assert (await asyncio.get_running_loop().run_in_executor(None, until_ping, mute)).count(PING) == 1
        edge.serving.sweep_once(heard_s + 58)
        async with asyncio.timeout(5):
            assert (await session.closed.get())[0] == 1006
        mute.close()


async def test_a_sweep_while_a_socket_is_being_opened_does_not_cut_it_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep may come between a whole request and the start of its app: that is no header which the client owes."""
    patience = Patience(ping_s=60.0, silence_s=120.0, header_s=1.0)
    start = TaskGroup.spawn_app
    async with an_edge(settings=ServingSettings(patience=patience, drain_s=1.0)) as edge:
        now_s = asyncio.get_running_loop().time

        async def swept(*arguments: Any) -> Any:
            edge.serving.sweep_once(now_s())
            return await start(*arguments)

        monkeypatch.setattr(TaskGroup, "spawn_app", swept)
        async with connect(edge.ws + PATH) as client:
            session = await opened(edge)
            edge.serving.sweep_once(now_s() + 2 * patience.header_s)
            session.sink.send("alive")
            assert await client.recv() == "alive"


async def test_garbage_frames_end_that_socket_only(edge: Edge) -> None:
    sock = await asyncio.get_running_loop().run_in_executor(None, raw_socket, edge, PATH)
    session = await opened(edge)
    await asyncio.get_running_loop().run_in_executor(None, sock.sendall, b"\xff\xff\xff\xff garbage")
    async with asyncio.timeout(5):
        assert (await session.closed.get())[0] in (1002, 1006)
    sock.close()
    async with connect(edge.ws + PATH):
        assert await opened(edge) is not session


async def test_client_that_vanishes_closes_its_session(edge: Edge) -> None:
    client = await connect(edge.ws + PATH)
    session = await opened(edge)
    client.transport.abort()
    async with asyncio.timeout(5):
        assert (await session.closed.get())[0] == 1006
    await eventually(lambda: len(edge.serving) == 0, within_s=5)


async def test_sockets_are_told_to_come_back_when_the_edge_stops() -> None:
    async with an_edge() as edge:
        client = await connect(edge.ws + PATH)
        session = await opened(edge)
        edge.app.drain()
        assert (await closed(client))[0] == 1012
        assert await session.closed.get()
        with pytest.raises(InvalidStatus):
            await connect(edge.ws + PATH)
    with pytest.raises((OSError, ConnectionClosed)):
        await connect(edge.ws + PATH)
