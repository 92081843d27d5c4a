"""Following a database's changes as a subscriber does: logical decoding over PostgreSQL's streaming replication protocol.

asyncpg connects and signs in; from START_REPLICATION on the bytes are ours, since a stream that goes both ways is none of its
business (PostgreSQL documentation, "Streaming Replication Protocol" and "Logical Replication Message Formats").
"""

import asyncio
import struct
from collections.abc import Callable
from typing import Any

import asyncpg

from cells.runtime.transfer.moving.errors import CannotMove
from cells.runtime.transfer.moving.owner import CONNECT_S_MAX

STARTED_S_MAX = 10.0
ACKNOWLEDGED_EVERY_S = 5.0
MESSAGE_BYTES_MAX = 1 << 30
_FRAME = struct.Struct("!cI")
_WAL = struct.Struct("!QQQ")
_STATUS = struct.Struct("!cIcQQQQ?")
_NOW = 0
"""Of a status: the server does not look at a follower's clock."""


class Following(asyncio.Protocol):
    """One stream of changes. `on_message` gets each message of the decoding plug-in, in commit order, within the event loop.

    `ended` is done when the stream is over, for whatever reason; the server drops a temporary slot with it.
    """

    def __init__(self, connection: "asyncpg.Connection[Any]", on_message: Callable[[bytes], None]) -> None:
        transport: Any = connection._transport  # type: ignore[attr-defined]
        self._transport: asyncio.Transport = transport
        self._signed_in: Any = transport.get_protocol()
        self._on_message = on_message
        self._buffer = bytearray()
        self._received = 0
        self._acknowledging: asyncio.TimerHandle | None = None
        loop = asyncio.get_running_loop()
        self.started: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[str] = loop.create_future()
        self._lost: asyncio.Future[None] = loop.create_future()
        transport.set_protocol(self)

    async def start(self, slot: str, publication: str, position: str = "0/0") -> None:
        """From `position` in the log, or where the slot stands if that is later. Raises CannotMove."""
        options = f"proto_version '1', publication_names '{publication}'"
        query = f"START_REPLICATION SLOT {slot} LOGICAL {position} ({options})".encode() + b"\0"
        self._transport.write(_FRAME.pack(b"Q", len(query) + 4) + query)
        async with asyncio.timeout(STARTED_S_MAX):
            either: set[asyncio.Future[Any]] = {self.started, self.ended}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not self.started.done():
            raise CannotMove(f"the changes of {publication} cannot be followed: {self.ended.result()}")
        self._acknowledge_later()

    async def close(self) -> None:
        """Gone when it returns; may be said again."""
        self._end("closed")
        await asyncio.wait({self._lost}, timeout=CONNECT_S_MAX)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        at = 0
        while len(self._buffer) - at >= _FRAME.size:
            kind, length = _FRAME.unpack_from(self._buffer, at)
            if len(self._buffer) - at < length + 1:
                break
            self._frame(kind, bytes(self._buffer[at + 5 : at + length + 1]))
            at += length + 1
        del self._buffer[:at]

    def connection_lost(self, error: Exception | None) -> None:
        self._end(repr(error) if error else "the server ended it")
        self._signed_in.connection_lost(error)
        if not self._lost.done():
            self._lost.set_result(None)

    def _frame(self, kind: bytes, body: bytes) -> None:
        match kind:
            case b"W":
                self.started.set_result(None)
            case b"d":
                self._copied(body)
            case b"E" | b"c":
                self._end(_words(body))

    def _copied(self, body: bytes) -> None:
        if body[:1] == b"w":
            _start, end, _sent_us = _WAL.unpack_from(body, 1)
            self._received = max(self._received, end)
            try:
                self._on_message(body[25:])
            except Exception as error:  # noqa: BLE001 - a change that is not understood ends the stream; who follows it asks why
                self._end(repr(error))
        elif body[:1] == b"k":
            self._received = max(self._received, *struct.unpack_from("!Q", body, 1))
            if body[17]:
                self._acknowledge()

    def _acknowledge_later(self) -> None:
        if not self.ended.done():
            self._acknowledge()
            self._acknowledging = asyncio.get_running_loop().call_later(ACKNOWLEDGED_EVERY_S, self._acknowledge_later)

    def _acknowledge(self) -> None:
        """Lets the server recycle what was read; without it the server hangs up after `wal_sender_timeout`."""
        length = _STATUS.size - 1
        at = self._received
        self._transport.write(_STATUS.pack(b"d", length, b"r", at, at, at, _NOW, False))

    def _end(self, why: str) -> None:
        if self._acknowledging is not None:
            self._acknowledging.cancel()
        if not self.ended.done():
            self.ended.set_result(why)
            self._transport.abort()


async def connect_to_follow(url: str) -> "asyncpg.Connection[Any]":
    """A connection on which a slot can be made and followed. Raises what asyncpg raises."""
    settings = {"replication": "database", "application_name": "waggle-move"}
    return await asyncpg.connect(url, timeout=CONNECT_S_MAX, server_settings=settings)


def _words(error: bytes) -> str:
    """The message of an ErrorResponse."""
    fields = {part[:1]: part[1:].decode(errors="replace") for part in error.split(b"\0") if part}
    return fields.get(b"M", "the server ended it")
