"""One client connection: Hypercorn's, with what the edge needs beyond it (docs/adr/0004-edge.md says why each of them).

Timers are marks in time that one sweep of the process looks at (`Serving`), not a task a connection.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import h11
import structlog
from hypercorn.asyncio.tcp_server import MAX_RECV, TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol import ProtocolWrapper
from hypercorn.protocol.events import Data
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.ws_stream import ASGIWebsocketState, WSStream
from hypercorn.typing import ConnectionState
from hypercorn.utils import parse_socket_addr
from wsproto.connection import ConnectionState as SocketState
from wsproto.events import Ping

from router.edge.breaches import AnsweringHandshake
from router.edge.reply import StraightReply, fail
from router.edge.straight import Asked, read_request
from router.edge.tasks import TaskGroup

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

WIRE = "waggle.wire"
"""In `scope["extensions"]` of a WebSocket: its `Wire`."""
WRITE_BYTES_HIGH = 64 << 10

log = structlog.get_logger("router.edge")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client may take, in seconds."""

    header_s: float = 10.0
    """From the first byte (or the connection) to the end of the request's header."""
    idle_s: float = 75.0
    """Between two requests."""
    write_s: float = 30.0
    """For each write to get off this machine."""
    ping_s: float = 30.0
    """Between pings on a WebSocket."""
    silence_s: float = 57.0
    """A WebSocket without a byte (a pong counts): cut within a minute, the sweep included."""
    closing_s: float = 5.0
    """For a WebSocket to answer a close."""


@dataclass(slots=True)
class Wire:
    """A WebSocket beneath ASGI."""

    stream: WSStream
    connection: "Connection"
    pinged_s: float
    closing_s: float | None = None
    plain: bool = True
    """Frames may be written to the connection as they are: HTTP/1.1, no compression."""

    def abort(self) -> None:
        """Cut it at once, without a closing handshake."""
        self.connection.abort()

    @property
    def open(self) -> bool:
        stream = self.stream
        return stream.state is ASGIWebsocketState.CONNECTED and not stream.closed and not self.connection.writer.transport.is_closing()

    def unsent_bytes(self) -> int:
        return self.connection.unsent_bytes()

    def ending(self) -> None:
        """This side wants to close; the sweep cuts what does not get there."""
        if self.closing_s is None:
            self.closing_s = self.connection.loop.time()

    def write_frame(self, frame: bytes) -> None:
        """A whole unfragmented frame; only where `plain` and `open`."""
        self.connection.put(frame)

    @property
    def closed_well(self) -> bool:
        """Both sides have said that they close. (Hypercorn reports 1006 to the app for every close by the client.)"""
        return self.stream.connection.state is SocketState.CLOSED

    def settle(self) -> None:
        """The upgrade is answered: an idle socket is not to hold its parser."""
        if self.plain:
            self.connection.protocol.protocol.connection.h11_connection = None  # type: ignore[union-attr]

    def ping(self, now_s: float) -> None:
        self.pinged_s = now_s
        data = self.stream.connection.send(Ping())
        if not self.plain:
            self.connection.spawn(self.stream.send, Data(stream_id=self.stream.stream_id, data=data))
        elif self.unsent_bytes() < WRITE_BYTES_HIGH:
            self.write_frame(data)


class _Marks:
    """Stands where Hypercorn keeps a task that sleeps: only remembers since when the connection is idle."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.idle_since_s: float | None = clock()

    async def restart(self, *_: object) -> None:
        self.idle_since_s = self._clock()

    async def stop(self) -> None:
        self.idle_since_s = None


@dataclass(slots=True)
class _Times:
    heard_s: float
    header_since_s: float | None
    """A header is awaited and has begun (or the connection is new)."""
    writing_since_s: float | None = None


class Connection(TCPServer):
    def __init__(
        self,
        app: ASGIApp,
        config: Config,
        context: WorkerContext,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        compression: bool,
    ) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(self._serve, loop, config, context, {}, reader, writer)  # type: ignore[arg-type]
        self._asgi = app
        self._compression = compression
        self._wires: dict[int, Wire] = {}
        self._apps = 0
        self._outgoing: list[bytes] = []
        self._outgoing_bytes = 0
        self._marks = _Marks(loop.time)
        self.idle_task = self._marks  # type: ignore[assignment]
        self._times = _Times(heard_s=loop.time(), header_since_s=loop.time())

    async def run(self) -> None:
        """Serve until either side is done. Whatever a client sends, it ends this connection and no other."""
        try:
            await self._run()
        except OSError as error:
            log.debug("connection_lost", error=str(error))
        except Exception as error:  # noqa: BLE001 - the parsers' own failures on hostile input
            log.info("connection_failed", error=repr(error))
            self.abort()
        finally:
            await self._close()

    async def _run(self) -> None:
        peer = self.writer.get_extra_info("socket")
        client = self._client = parse_socket_addr(peer.family, peer.getpeername())
        server = self._server = parse_socket_addr(peer.family, peer.getsockname())
        tls = self.writer.get_extra_info("ssl_object")
        self._scheme = "http" if tls is None else "https"
        alpn = "http/1.1" if tls is None else tls.selected_alpn_protocol()
        async with TaskGroup(self.loop) as tasks:
            self._task_group = tasks
            self.protocol = ProtocolWrapper(
                self.app, self.config, self.context, tasks, ConnectionState({}), tls is not None, client, server, self.protocol_send, alpn
            )
            await self.protocol.initiate()
            await self._read_data()

    async def _read_data(self) -> None:
        while not self.reader.at_eof():
            try:
                data = await self.reader.read(MAX_RECV)
            except OSError:
                break
            times = self._times
            times.heard_s = self.loop.time()
            if self._marks.idle_since_s is not None and times.header_since_s is None:
                times.header_since_s = times.heard_s
            asked = read_request(data) if self._awaits_request else None
            if asked is None:
                await self.protocol.handle(RawData(data))
            elif not await self._answer(asked):
                break
            if isinstance(self.protocol.protocol, H2Protocol):
                self._after_h2(self.protocol.protocol)
        await self.protocol.handle(Closed())

    @property
    def _awaits_request(self) -> bool:
        """HTTP/1.1, nothing is asked, and nothing of a next request has come before."""
        protocol = self.protocol.protocol
        if not isinstance(protocol, H11Protocol) or protocol.stream is not None:
            return False
        parser = protocol.connection
        return parser.their_state is h11.IDLE and parser.our_state is h11.IDLE and not parser.trailing_data[0]

    async def _answer(self, asked: Asked) -> bool:
        """Whether the connection may be used again. In this task: what the client sends meanwhile waits in the reader."""
        self._times.header_since_s = self._marks.idle_since_s = None
        self._apps += 1
        reply = StraightReply(self._write)
        try:
            await self._asgi(asked.scope(self._scheme, self._client, self._server), asked.receive, reply.send)
        except Exception:
            log.exception("app_failed")
        finally:
            self._apps -= 1
        self._marks.idle_since_s = self.loop.time()
        if not reply.ended:
            await fail(reply)
            return False
        return not (reply.close or self.context.terminated.is_set() or self.writer.transport.is_closing())

    def _after_h2(self, protocol: H2Protocol) -> None:
        self._times.header_since_s = None  # frames between requests (ping, window) begin no header
        if not protocol.streams and self._marks.idle_since_s is None:
            self._marks.idle_since_s = self._times.heard_s  # switched to h2 without a request

    async def protocol_send(self, event: Event) -> None:
        if isinstance(event, RawData):
            await self._write(event.data)
        elif isinstance(event, Closed):
            await self._close()
        elif isinstance(event, Updated):
            self._times.header_since_s = None
            self._marks.idle_since_s = self.loop.time() if event.idle else None

    async def _write(self, data: bytes) -> None:
        if self.writer.transport.is_closing():
            await self.protocol.handle(Closed())
            return
        self.put(data)
        if self.unsent_bytes() < WRITE_BYTES_HIGH:
            return
        self._flush()
        try:
            await self.writer.drain()
        except (ConnectionError, RuntimeError):
            await self.protocol.handle(Closed())

    def put(self, data: bytes) -> None:
        """Queue bytes; they leave when this turn of the event loop ends, all in one write (a reply is three for Hypercorn)."""
        if not data:
            return
        if not self._outgoing:
            self.loop.call_soon(self._flush)
        self._outgoing.append(data)
        self._outgoing_bytes += len(data)

    def _flush(self) -> None:
        if self._outgoing:
            outgoing, self._outgoing, self._outgoing_bytes = self._outgoing, [], 0
            if not self.writer.transport.is_closing():
                self.writer.write(outgoing[0] if len(outgoing) == 1 else b"".join(outgoing))

    def unsent_bytes(self) -> int:
        """Not yet taken by the kernel."""
        return self._outgoing_bytes + self.writer.transport.get_write_buffer_size()

    async def _close(self) -> None:
        self._flush()
        await super()._close()

    async def _serve(self, scope: Scope, receive: Receive, send: Any, *_: Any) -> None:
        self._apps += 1
        self._times.header_since_s = None  # an app has a whole header, whatever a sweep took this connection for before it started
        try:
            await (self._serve_socket if scope["type"] == "websocket" else self._asgi)(scope, receive, send)
        finally:
            self._apps -= 1

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Any) -> None:
        stream: WSStream = send.__self__
        stream.handshake = AnsweringHandshake(scope["headers"], scope["http_version"])
        if not self._compression:
            stream.handshake.extensions = None
        plain = isinstance(self.protocol.protocol, H11Protocol) and not stream.handshake.extensions
        wire = Wire(stream, self, self.loop.time(), plain=plain)
        scope["extensions"][WIRE] = wire
        self._wires[stream.stream_id] = wire
        try:
            await self._asgi(scope, receive, send)
        finally:
            del self._wires[stream.stream_id]

    def spawn(self, action: Callable[..., Awaitable[None]], *args: Any) -> None:
        self._task_group.spawn(action, *args)

    def hang_up(self) -> None:
        """Close after what is queued."""
        self._flush()
        self.writer.close()

    def abort(self) -> None:
        """Cut the connection; what was not sent is thrown away."""
        self.writer.transport.abort()

    @property
    def idle(self) -> bool:
        """Nothing is asked and nothing is being answered."""
        return self._marks.idle_since_s is not None

    def sweep(self, now_s: float, patience: Patience) -> str | None:
        """Ping what is due; a reason to cut this connection, or None."""
        for wire in tuple(self._wires.values()):
            why = self._sweep_socket(wire, now_s, patience)
            if why:
                return why
        times = self._times
        if self._is_stalled(now_s, patience):
            return "does not read"
        if self._apps == 0 and not self.idle and times.header_since_s is None:
            times.header_since_s = now_s  # a broken upgrade: Hypercorn answered it and waits for ever
        if times.header_since_s is not None:
            return "no whole request" if now_s - times.header_since_s > patience.header_s else None
        idle_since_s = self._marks.idle_since_s
        return "idle" if idle_since_s is not None and now_s - idle_since_s > patience.idle_s else None

    def _is_stalled(self, now_s: float, patience: Patience) -> bool:
        times = self._times
        if self.writer.transport.get_write_buffer_size() < WRITE_BYTES_HIGH // 4:
            times.writing_since_s = None
        elif times.writing_since_s is None:
            times.writing_since_s = now_s
        return times.writing_since_s is not None and now_s - times.writing_since_s > patience.write_s

    def _sweep_socket(self, wire: Wire, now_s: float, patience: Patience) -> str | None:
        if wire.stream.state not in (ASGIWebsocketState.CONNECTED, ASGIWebsocketState.CLOSED):
            return None
        if now_s - self._times.heard_s > patience.silence_s:
            return "silent"
        if wire.stream.connection.state is not SocketState.OPEN:
            wire.ending()
        if wire.closing_s is not None:
            return "does not close" if now_s - wire.closing_s > patience.closing_s else None
        if now_s - wire.pinged_s >= patience.ping_s:
            wire.ping(now_s)
        return None
