"""Many WebSocket receivers in one process: RFC 6455 frames of a server parsed in bulk, pings answered.

For measuring deliveries, so it does the least that is right: unfragmented text frames from the server, counted and handed on.
"""

import asyncio
import base64
import os
from collections.abc import Callable
from typing import cast

OnText = Callable[[bytes], None]
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class Receiver(asyncio.Protocol):
    """One client socket; `ready` resolves at the 101, `closed` with the close code (1006: no close frame)."""

    def __init__(self, host: str, target: str, on_text: OnText) -> None:
        self._host, self._target, self._on_text = host, target, on_text
        self._buffer = bytearray()
        self._upgraded = False
        self._code = 1006
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[int] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's do not derive from it
        key = base64.b64encode(os.urandom(16)).decode()
        head = f"GET {self._target} HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self.transport.write(f"{head}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded and not self._upgrade():
            return
        self._frames()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(f"connection lost before the upgrade: {exc}"))
        if not self.closed.done():
            self.closed.set_result(self._code)

    def send_text(self, text: bytes) -> None:
        self._send(_TEXT, text)

    def _upgrade(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        status = bytes(self._buffer[: self._buffer.find(b"\r\n")])
        del self._buffer[: end + 4]
        self._upgraded = True
        if self.ready.done():  # whoever waited gave up
            self.transport.close()
        elif b" 101" in status:
            self.ready.set_result(None)
        else:
            self.ready.set_exception(ConnectionError(status.decode()))
            self.transport.close()
        return True

    def _frames(self) -> None:
        buffer, start, size = self._buffer, 0, len(self._buffer)
        while size - start >= 2:
            length, head = buffer[start + 1] & 0x7F, 2
            if length == 126:
                if size - start < 4:
                    break
                length, head = int.from_bytes(buffer[start + 2 : start + 4]), 4
            elif length == 127:
                if size - start < 10:
                    break
                length, head = int.from_bytes(buffer[start + 2 : start + 10]), 10
            end = start + head + length
            if end > size:
                break
            self._frame(buffer[start] & 0x0F, bytes(buffer[start + head : end]))
            start = end
        del buffer[:start]

    def _frame(self, opcode: int, payload: bytes) -> None:
        if opcode == _TEXT:
            self._on_text(payload)
        elif opcode == _PING:
            self._send(_PONG, payload)
        elif opcode == _CLOSE:
            self._code = int.from_bytes(payload[:2]) if len(payload) >= 2 else 1005
            self._send(_CLOSE, payload[:2])
            self.transport.close()

    def _send(self, opcode: int, payload: bytes) -> None:
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
        size = bytes([0x80 | len(payload)]) if len(payload) < 126 else bytes([0x80 | 126]) + len(payload).to_bytes(2)
        self.transport.write(bytes([0x80 | opcode]) + size + mask + masked)


async def receiver(host: str, port: int, target: str, on_text: OnText) -> Receiver:
    """Connect and upgrade; raises ConnectionError with the status line when refused."""
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(lambda: Receiver(f"{host}:{port}", target, on_text), host, port)
    try:
        async with asyncio.timeout(30):
            await protocol.ready
    except TimeoutError:
        protocol.transport.abort()
        raise
    return protocol
