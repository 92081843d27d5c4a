"""What goes to one client's socket: bounded, and never waited for by whoever sends."""

import asyncio
from collections import deque
from typing import TypeGuard

from prometheus_client import Counter

from router.edge.connection import WRITE_BYTES_HIGH, Send, Wire
from router.edge.frames import FrameCache
from router.edge.passing import Passing

SLOW = 1013
"""RFC 6455 registry: try again later. The client did not read fast enough."""

NORMAL, ABNORMAL = 1000, 1006

DELIVERED = Counter("waggle_router_socket_messages_out", "Text messages handed to clients' connections")
SLOW_READERS = Counter("waggle_router_slow_readers", "Sockets closed because the client did not keep up")
PASSED_OVER = Counter(
    "waggle_router_passing_news_dropped", "Typing and presence not sent to slow readers: said again meanwhile, or too many"
)


class Sink:
    """A `SocketSink`. Text goes straight to the connection where the wire is plain and nothing waits; else a writer takes it in turn."""

    def __init__(self, send: Send, wire: Wire | None, frames: FrameCache, *, bytes_max: int, messages_max: int) -> None:
        self._send = send
        self._wire = wire
        self._frames = frames
        self._bytes_max = bytes_max
        self._messages_max = messages_max
        self._queue: deque[str] = deque()
        self._queued_bytes = 0
        self._passing = Passing()
        self._wake = asyncio.Event()
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
        self._wake.set()

    def close(self, code: int, reason: str) -> None:
        if self.closing is None:
            self.closing = (code, reason)
            self._wake.set()
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
        DELIVERED.inc()
        return True

    def _enqueue(self, text: str) -> bool:
        self._queued_bytes += len(text)
        if self._queued_bytes > self._bytes_max or len(self._queue) >= self._messages_max:
            self._drop_slow()
            return False
        self._queue.append(text)
        self._wake.set()
        return True

    def _drop_slow(self) -> None:
        SLOW_READERS.inc()
        self._queue.clear()
        self._passing.clear()
        self.close(SLOW, "slow reader: reconnect and catch up")

    async def write(self) -> tuple[int, str]:
        """After the socket was accepted: send what is queued as it comes. Returns the close that ended it."""
        while True:
            await self._write_queued()
            self._accepted = True
            if self.closing is not None:
                return self.closing
            if self._passing:
                await self._deliver(self._passing.take())
            elif not self._queue:
                self._wake.clear()
                await self._wake.wait()

    async def _write_queued(self) -> None:
        while self._queue:
            text = self._queue[0]
            await self._deliver(text)
            if self._queue:  # not cleared meanwhile
                self._queue.popleft()
                self._queued_bytes -= len(text)

    async def _deliver(self, text: str) -> None:
        """Returns when the connection has room again."""
        await self._send({"type": "websocket.send", "text": text})
        DELIVERED.inc()
