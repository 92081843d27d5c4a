"""WebSockets end here: the upgrade, what the client says, what the cell says, and every way in which it ends."""

import asyncio
from dataclasses import dataclass
from typing import Any, Protocol

from prometheus_client import Counter, Gauge

from protos.tunnel.v1 import tunnel_pb2
from router.edge import answers
from router.edge.answers import Answer
from router.edge.connection import WIRE, Receive, Scope, Send, Wire
from router.edge.failures import answer_to
from router.edge.finding import Finder
from router.edge.frames import FrameCache
from router.edge.head import Head
from router.edge.limits import Limits
from router.edge.pings import pong
from router.edge.sink import SLOW, Sink
from router.forward import ForwardError, Session, SocketSink
from router.routes.table import Route

GOING_AWAY = 1001
RESTART = 1012

SOCKETS = Gauge("waggle_router_sockets", "WebSockets open")
MESSAGES = Counter("waggle_router_socket_messages_in", "Messages from clients' WebSockets")


class Sessions(Protocol):
    """What sockets need of `router.forward.Forwarder`."""

    async def open_session(self, route: Route, open: tunnel_pb2.Open, socket: SocketSink) -> Session: ...


@dataclass(frozen=True, slots=True)
class SocketSettings:
    send_bytes_max: int = 1 << 20
    """What may wait for one client that reads slowly."""
    send_messages_max: int = 2_000
    open_wait_s: float = 20.0
    """In the queue of those who come back together, too; the tickets of `rtm.connect` last 30 s."""
    sockets_max: int = 20_000
    drain_reason: str = "the edge restarts: reconnect"
    trusted_proxies: frozenset[str] = frozenset()


class SocketEdge:
    """The ASGI app of `websocket` scopes."""

    def __init__(self, finder: Finder, forwarder: Sessions, limits: Limits, settings: SocketSettings) -> None:
        self._finder = finder
        self._forwarder = forwarder
        self._limits = limits
        self._settings = settings
        self._frames = FrameCache()
        self._sinks: set[Sink] = set()
        self._draining = False

    def __len__(self) -> int:
        return len(self._sinks)

    def drain(self) -> None:
        """Ask every client to come back elsewhere; take no new one."""
        self._draining = True
        for sink in tuple(self._sinks):
            sink.close(RESTART, self._settings.drain_reason)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        head = Head(scope, self._settings.trusted_proxies)
        wire: Wire | None = scope["extensions"].get(WIRE)
        sink = Sink(send, wire, self._frames, bytes_max=self._settings.send_bytes_max, messages_max=self._settings.send_messages_max)
        opened = await self._open(scope, head, sink)
        if isinstance(opened, Answer):
            await _refuse(send, opened, head.request_id)
            return
        self._sinks.add(sink)
        SOCKETS.inc()
        try:
            await send({"type": "websocket.accept", "headers": [(b"x-request-id", head.request_id.encode("ascii"))]})
            scope["headers"] = []  # the session has what it needs of them; an idle socket is not to hold them too
            del head
            if wire is not None:
                wire.settle()
            await self._converse(receive, sink, opened)
        finally:
            opened.close(GOING_AWAY, "")
            self._sinks.discard(sink)
            SOCKETS.dec()

    async def _open(self, scope: Scope, head: Head, sink: Sink) -> Session | Answer:
        if self._draining or len(self._sinks) >= self._settings.sockets_max:
            return answers.UNAVAILABLE
        retry_after_s = self._limits.of_address(head.client)
        if retry_after_s:
            return answers.ratelimited(retry_after_s)
        address = self._finder.address(head)
        route = await self._finder.find(address, self._finder.token(head))
        if isinstance(route, Answer):
            return answers.UNAUTHORIZED if route in (answers.INVALID_AUTH, answers.NOT_AUTHED) else route
        try:
            async with asyncio.timeout(self._settings.open_wait_s):
                return await self._forwarder.open_session(route, _opening(scope, head, route, address.path), sink)
        except ForwardError as error:
            return answer_to(error)
        except TimeoutError:
            return answers.UNAVAILABLE

    async def _converse(self, receive: Receive, sink: Sink, session: Session) -> None:
        sink.start()
        try:
            while (message := await receive())["type"] == "websocket.receive":
                MESSAGES.inc()
                if not _hand_on(session, sink, message):
                    sink.close(SLOW, "the workspace does not keep up: reconnect")
            session.close(sink.close_code(), "")
        finally:
            await sink.stop()


def _hand_on(session: Session, sink: Sink, message: dict[str, Any]) -> bool:
    """Pings are answered here: a client whose cell is being restarted must not take its socket for dead."""
    text = message.get("text")
    if text is None:
        return session.send_binary(message["bytes"])
    if (answer := pong(text, session.reached)) is None:
        return session.send_text(text)
    sink.send(answer)  # a client that does not read is closed by the sink itself
    return True


def _opening(scope: Scope, head: Head, route: Route, path: bytes) -> tunnel_pb2.Open:
    return tunnel_pb2.Open(
        workspace_id=route.workspace_id,
        epoch=route.epoch,
        path=path,
        query=head.query,
        headers=[tunnel_pb2.Header(name=name, value=value) for name, value in head.passed],
        client=head.client,
        request_id=head.request_id,
        scheme=scope["scheme"],
    )


async def _refuse(send: Send, answer: Answer, request_id: str) -> None:
    headers = [*answer.headers, (b"x-request-id", request_id.encode("ascii")), (b"content-length", b"%d" % len(answer.body))]
    await send({"type": "websocket.http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": answer.body})
