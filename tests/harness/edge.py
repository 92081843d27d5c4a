"""What the edge's tests stand on: the real edge on a port of its own, in front of a stand-in for the forwarder."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import grpc

from chassis.clock import SystemClock
from chassis.identity import CellName, UserId, make_bot_token, make_id, make_workspace_id
from protos.tunnel.v1 import tunnel_pb2
from router.edge.app import EdgeApp
from router.edge.finding import Finder
from router.edge.http import HttpSettings
from router.edge.limits import Limits, Rate
from router.edge.serving import Serving, ServingSettings, serving
from router.edge.sockets import SocketSettings
from router.forward import Reply, SocketSink
from router.routes.resolve import Resolver
from router.routes.table import Route, RouteTable

UNLIMITED = Rate(0, 1)
WORKSPACE = make_workspace_id()
TOKEN = make_bot_token(WORKSPACE, UserId(make_id("U")))
STRANGER = make_bot_token(make_workspace_id(), UserId(make_id("U")))
OK = Reply(200, [(b"content-type", b"application/json")], b'{"ok":true}')

Answering = Callable[[tunnel_pb2.Request, bytes], Awaitable[Reply]]


class FakeSession:
    """The cell's end of a session, in the test's hands."""

    def __init__(self, opening: tunnel_pb2.Open, sink: SocketSink) -> None:
        self.opening = opening
        self.sink = sink
        self.heard: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.closed: asyncio.Queue[tuple[int, str]] = asyncio.Queue()
        self.takes = True
        self.reached: int | None = None

    def send_text(self, text: str) -> bool:
        self.heard.put_nowait(text)
        return self.takes

    def send_binary(self, data: bytes) -> bool:
        self.heard.put_nowait(data)
        return self.takes

    def close(self, code: int, reason: str) -> None:
        self.closed.put_nowait((code, reason))


@dataclass
class FakeForwarder:
    """Answers as the test says, and remembers what it was asked."""

    answering: Answering | None = None
    requests: list[tunnel_pb2.Request] = field(default_factory=list)
    carried: list[bytes] = field(default_factory=list)
    sessions: asyncio.Queue[FakeSession] = field(default_factory=asyncio.Queue)
    refusing: Exception | None = None
    hello: tuple[str, ...] = ()

    async def call(self, route: Route, request: tunnel_pb2.Request) -> Reply:
        self.requests.append(request)
        return OK if self.answering is None else await self.answering(request, request.body)

    async def carry(self, route: Route, request: tunnel_pb2.Request, body: AsyncIterator[bytes]) -> Reply:
        self.requests.append(request)
        whole = b"".join([chunk async for chunk in body])
        self.carried.append(whole)
        return OK if self.answering is None else await self.answering(request, whole)

    async def open_session(self, route: Route, open: tunnel_pb2.Open, socket: SocketSink) -> FakeSession:
        if self.refusing is not None:
            raise self.refusing
        session = FakeSession(open, socket)
        for text in self.hello:
            socket.send(text)
        self.sessions.put_nowait(session)
        return session


@dataclass
class Edge:
    host: str
    port: int
    forwarder: FakeForwarder
    serving: Serving
    app: EdgeApp

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://{self.host}:{self.port}"


def a_table() -> RouteTable:
    table = RouteTable()
    table.replace("r", 1, [Route(WORKSPACE, "acme", CellName("cell-1"), 3, "active")], [])
    return table


@contextlib.asynccontextmanager
async def an_edge(
    *,
    http: HttpSettings | None = None,
    sockets: SocketSettings | None = None,
    settings: ServingSettings | None = None,
    address: Rate = UNLIMITED,
    workspace: Rate = UNLIMITED,
    control_plane: str = "127.0.0.1:1",
) -> AsyncIterator[Edge]:
    http = http or HttpSettings()
    clock = SystemClock()
    async with grpc.aio.insecure_channel(control_plane) as channel:
        forwarder = FakeForwarder()
        finder = Finder(Resolver(a_table(), channel, clock), http.domain)
        limits = Limits(clock, address=address, loopback=address, workspace=workspace)
        app = EdgeApp(finder=finder, forwarder=forwarder, limits=limits, http=http, sockets=sockets or SocketSettings())
        with socket.create_server(("127.0.0.1", 0)) as listener:
            async with serving(app, listener, settings or ServingSettings(drain_s=1.0)) as served:
                yield Edge("127.0.0.1", listener.getsockname()[1], forwarder, served, app)
