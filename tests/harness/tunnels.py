"""Both ends of the tunnel on loopback: an Ingress with a small app on a real gRPC server, and a Forwarder that dials it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc

from cells.runtime.bus.links import Link, SessionDoor
from cells.runtime.ingress import Ingress
from cells.runtime.tenancy import Arrivals, Frozen, Moved, NotExecuted, NotMine
from cells.runtime.workload import ASGIApp, Receive, Scope, Send, Tenant
from chassis.identity import CellName, WorkspaceId
from protos.tunnel.v1 import tunnel_pb2
from router.forward import Forwarder, Limits, forwarding
from router.routes.table import CellEntry, Endpoint, Route, RouteTable

WORKSPACE = WorkspaceId("T123456789A")


class App:
    """Echoes; some paths misbehave on purpose. Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.cancelled: list[str] = []
        self.gate = asyncio.Event()
        self.largest_chunk = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        self.asked.append(path)
        try:
            await self._serve(path, scope, receive, send)
        except asyncio.CancelledError:
            self.cancelled.append(path)
            raise

    async def _serve(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        if path == "/wait":
            await self.gate.wait()
        if path == "/fail":
            raise RuntimeError("on purpose")
        if path == "/refuse":
            raise Frozen("late", retry_after_ms=10)
        if path.startswith("/large/"):
            await _respond_in_chunks(send, int(path.removeprefix("/large/")))
            return
        await _respond(send, await self._read(receive, count_only=path == "/count"))

    async def _read(self, receive: Receive, *, count_only: bool) -> bytes:
        body, size = b"", 0
        while True:
            message = await receive()
            assert message["type"] == "http.request"
            self.largest_chunk = max(self.largest_chunk, len(message["body"]))
            size += len(message["body"])
            if not count_only:
                body += message["body"]
            if not message["more_body"]:
                return str(size).encode() if count_only else body


async def _respond(send: Send, body: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-echo", b"1")]})
    await send({"type": "http.response.body", "body": body})


async def _respond_in_chunks(send: Send, size: int) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for start in range(0, size, 100_000):
        await send({"type": "http.response.body", "body": b"x" * min(100_000, size - start), "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@dataclass
class Ownership:
    """Which workspaces a cell takes: None is yes, an error is why not."""

    answers: dict[str, NotExecuted | None] = field(default_factory=lambda: {WORKSPACE: None})

    def require(self, workspace_id: WorkspaceId, _epoch: int) -> Tenant:
        answer = self.answers.get(workspace_id, NotMine(workspace_id))
        if answer is not None:
            raise answer
        return Untouched()  # type: ignore[return-value]


class Untouched:
    """A tenant that nothing was stored in, and that the app here has no use for."""

    committed = False


class Door:
    """Sessions of one cell process, all in group "*"; keeps the log that they resume from."""

    def __init__(self, log: list[str] | None = None) -> None:
        self.log = [] if log is None else log
        self.sessions: dict[tuple[int, int], Link] = {}
        self.opens: list[tunnel_pb2.Open] = []
        self.messages: list[str] = []
        self.closes: list[int] = []
        self.links_lost = 0
        self.refusal: tunnel_pb2.Refusal | None = None
        self.close_code = 0
        """Not 0: sessions are closed with it instead of being opened."""
        self.changed = asyncio.Event()

    async def on_open(self, link: Link, stream: int, open: tunnel_pb2.Open) -> None:
        self.opens.append(open)
        if self.refusal is not None:
            link.send(tunnel_pb2.Frame(stream=stream, refusal=self.refusal))
            return
        if self.close_code:
            link.send(tunnel_pb2.Frame(stream=stream, close=tunnel_pb2.Close(code=self.close_code, reason="reload")))
            return
        messages = ["hello"] if not open.state else self.log[open.resume_seq :]
        self.sessions[link.id, stream] = link
        opened = tunnel_pb2.Opened(seq=len(self.log), state=b"state", groups=["*", "U1"], messages=messages)
        link.send(tunnel_pb2.Frame(stream=stream, opened=opened))

    def on_message(self, link: Link, stream: int, message: tunnel_pb2.Message) -> None:
        self.messages.append(message.text)
        link.send(tunnel_pb2.Frame(stream=stream, message=tunnel_pb2.Message(text="re: " + message.text)))

    def on_close(self, link: Link, stream: int, close: tunnel_pb2.Close) -> None:
        self.closes.append(close.code)
        self.sessions.pop((link.id, stream), None)

    def on_link_lost(self, link: Link) -> None:
        self.links_lost += 1
        self.sessions = {key: held for key, held in self.sessions.items() if held is not link}

    def announce(self, text: str, *groups: str) -> None:
        """Append to the log and broadcast, as a gateway does."""
        self.log.append(text)
        event = tunnel_pb2.Broadcast(workspace_id=WORKSPACE, groups=groups or ("*",), seq=len(self.log), text=text)
        for link in {link.id: link for link in self.sessions.values()}.values():
            link.send(tunnel_pb2.Frame(broadcast=event))

    def regroup(self, join: list[str], leave: list[str]) -> None:
        for (_, stream), link in self.sessions.items():
            regroup = tunnel_pb2.Regroup(workspace_id=WORKSPACE, sessions=[stream], join=join, leave=leave)
            link.send(tunnel_pb2.Frame(regroup=regroup))


class Sink:
    """A client's socket."""

    def __init__(self, room: int = 1_000_000) -> None:
        self.texts: list[str] = []
        self.closed: tuple[int, str] | None = None
        self.room = room
        self._said = asyncio.Event()

    def send(self, text: str) -> bool:
        self.room -= 1
        if self.room < 0:
            return False
        self.texts.append(text)
        self._said.set()
        return True

    def offer(self, text: str) -> None:
        if self.room > 0:
            self.send(text)

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)
        self._said.set()

    async def until(self, fact: Callable[["Sink"], bool], timeout_s: float = 10) -> None:
        async with asyncio.timeout(timeout_s):
            while not fact(self):
                self._said.clear()
                await self._said.wait()


@dataclass
class CellProcess:
    """One process of a cell."""

    name: str
    app: App
    ownership: Ownership
    door: Door
    ingress: Ingress
    server: grpc.aio.Server
    port: int

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(f"127.0.0.1:{self.port}", ("api", "gateway"), f"{self.name}-{self.port}")

    async def kill(self) -> None:
        await self.server.stop(None)


async def start_cell(
    name: str = "a",
    *,
    door: Door | None = None,
    app: ASGIApp | None = None,
    in_flight_max: int = 1024,
    arrivals: Arrivals | None = None,
) -> CellProcess:
    small, ownership, sessions = App(), Ownership(), door or Door()
    taken: SessionDoor = sessions
    ingress = Ingress(
        app=app or small,
        require_tenant=ownership.require,
        door=taken,
        cell=name,
        process_id=f"{name}-process",
        in_flight_max=in_flight_max,
        arrivals=arrivals,
    )
    server = grpc.aio.server()
    ingress.register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return CellProcess(name, small, ownership, sessions, ingress, server, port)


def table_of(*cells: CellProcess, home: str | None = None) -> RouteTable:
    """A directory with these processes; the workspace lives in the first one's cell, or in `home`."""
    table = RouteTable()
    names = {cell.name for cell in cells}
    entries = [CellEntry(CellName(n), "local", "active", tuple(c.endpoint for c in cells if c.name == n)) for n in sorted(names)]
    table.replace("test", 1, [Route(WORKSPACE, "acme", CellName(home or cells[0].name), 1, "active")], entries)
    return table


@asynccontextmanager
async def forwarding_to(table: RouteTable, limits: Limits | None = None, *, wait: bool = True) -> AsyncIterator[Forwarder]:
    """A forwarder over the table; waits until each cell of it can be reached."""
    async with forwarding(table, channel_of=_channel, process_id="router-test", limits=limits) as forwarder:
        if wait:
            await until(lambda: all(forwarder.usable(cell.name) for cell in table.cells()))
        yield forwarder


def _channel(address: str) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)])


async def until(fact: Callable[[], bool], timeout_s: float = 10) -> None:
    """Poll a fact of another task; fails when it does not come true in time."""
    async with asyncio.timeout(timeout_s):
        while not fact():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def request(path: str = "/echo", body: bytes = b"", deadline_ms: int = 0) -> tunnel_pb2.Request:
    return tunnel_pb2.Request(
        workspace_id=WORKSPACE, method="POST", path=path.encode(), body=body, deadline_ms=deadline_ms, request_id="r1", scheme="http"
    )


def opening() -> tunnel_pb2.Open:
    return tunnel_pb2.Open(workspace_id=WORKSPACE, path=b"/rtm", request_id="r1")


def moved(cell: str, epoch: int) -> Moved:
    return Moved("gone", cell=cell, epoch=epoch)
