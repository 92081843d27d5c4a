"""What goes to one client's socket: bounded, and never waited for by whoever sends."""

import asyncio
from collections import deque
from typing import TypeGuard

import structlog
from prometheus_client import Counter

from chassis.telemetry.tallies import Tally
from router.edge.connection import WRITE_BYTES_HIGH, Send, Wire
from router.edge.frames import FrameCache
from router.edge.passing import Passing

SLOW = 1013
"""RFC 6455 registry: try again later. The client did not read fast enough."""

NORMAL, ABNORMAL = 1000, 1006

DELIVERED = Counter("waggle_router_socket_messages_out", "Text messages handed to clients' connections")
_delivered = Tally(DELIVERED)
SLOW_READERS = Counter("waggle_router_slow_readers", "Sockets closed because the client did not keep up")
PASSED_OVER = Counter(
    "waggle_router_passing_news_dropped", "Typing and presence not sent to slow readers: said again meanwhile, or too many"
)
log = structlog.get_logger("router.edge")


class Sink:
    """A `SocketSink`. Text goes straight to the connection where the wire is plain and nothing waits; else a writer takes it in turn.

    The writer and its queue are there while something waits: an idle socket has neither.
    """

    def __init__(self, send: Send, wire: Wire | None, frames: FrameCache, *, bytes_max: int, messages_max: int) -> None:
        self._send = send
        self._wire = wire
        self._frames = frames
        self._bytes_max = bytes_max
        self._messages_max = messages_max
        self._queue: deque[str] | None = None
        self._queued_bytes = 0
        self._passing = Passing()
        self._writer: asyncio.Task[None] | None = None
        self._accepted = False
        self.closing: tuple[int, str] | None = None

    def send(self, text: str) -> bool:
        if self.closing is not None:
            return True  # on its way out: nothing more is owed to it
        wire = self._wire
        return self._write_through(wire, text) if self._is_direct(wire) else self._enqueue(text)

    def offer(self, text: str) -> None:
        """Behind a full buffer it waits for room, and only the last of its subject."""
        if self.closing is not None:
            return
        wire = self._wire
        if self._is_direct(wire) and wire.unsent_bytes() < WRITE_BYTES_HIGH:
            self._write_through(wire, text)
            return
        PASSED_OVER.inc(self._passing.put(text))
        self._rouse()

    def close(self, code: int, reason: str) -> None:
        if self.closing is None:
            self.closing = (code, reason)
            self._rouse()
            if self._wire is not None:
                self._wire.ending()

    def close_code(self) -> int:
        """How the client's side ended: 1000 after a closing handshake, else 1006 (RFC 6455 section 7.4.1)."""
        return NORMAL if self._wire is not None and self._wire.closed_well else ABNORMAL

    def abort(self) -> None:
        """Cut the connection, where that can be done from here."""
        if self._wire is not None:
            self._wire.abort()

    def _is_direct(self, wire: Wire | None) -> TypeGuard[Wire]:
        """Text may go straight to the connection."""
        return self._accepted and not self._queue and wire is not None and wire.plain and wire.open

    def _write_through(self, wire: Wire, text: str) -> bool:
        if wire.unsent_bytes() > self._bytes_max:
            self._drop_slow()
            return False
        wire.write_frame(self._frames.of(text))
        _delivered.n += 1
        return True

    def _enqueue(self, text: str) -> bool:
        self._queued_bytes += len(text)
        if self._queue is None:
            self._queue = deque()
        if self._queued_bytes > self._bytes_max or len(self._queue) >= self._messages_max:
            self._drop_slow()
            return False
        self._queue.append(text)
        self._rouse()
        return True

    def _drop_slow(self) -> None:
        SLOW_READERS.inc()
        self._queue = None
        self._passing.clear()
        self.close(SLOW, "slow reader: reconnect and catch up")

    def start(self) -> None:
        """The socket was accepted: what waits goes to it, and what comes."""
        self._accepted = True
        if self._queue or self._passing or self.closing is not None:
            self._rouse()

    async def stop(self) -> None:
        """The socket is gone: nothing is written any more."""
        self._accepted = False
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)

    def _rouse(self) -> None:
        if self._accepted and self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        try:
            await self._write_waiting()
            if self.closing is not None:
                code, reason = self.closing
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except Exception:
            log.exception("socket_writer_failed")
            self.abort()
        finally:
            self._writer = None

    async def _write_waiting(self) -> None:
        """Until nothing waits. Once it closes, what is only of passing interest is not waited for."""
        while self._queue or (self._passing and self.closing is None):
            if self._queue:
                await self._write_queued(self._queue)
            else:
                await self._deliver(self._passing.take())

    async def _write_queued(self, queue: deque[str]) -> None:
        while queue:
            await self._deliver(queue[0])
            if self._queue is None:  # dropped meanwhile
                return
            self._queued_bytes -= len(queue.popleft())
        self._queue = None

    async def _deliver(self, text: str) -> None:
        """Returns when the connection has room again."""
        await self._send({"type": "websocket.send", "text": text})
        _delivered.n += 1
