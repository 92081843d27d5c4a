"""A WebSocket client that does as the test says, right or wrong: bytes out, frames in (RFC 6455 section 5.2)."""

import asyncio
import os
import socket
from dataclasses import dataclass
from typing import Protocol

from tests.harness.edge import WORKSPACE

PATH = f"/rtm/{WORKSPACE}/ticket"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NO_CODE = 1005
PATIENCE_S = 20


def frame_of(opcode: int, payload: bytes, *, final: bool = True, reserved: int = 0, masked: bool = True) -> bytes:
    """One frame as a client sends it; `reserved` are the bits RSV1 (4), RSV2 (2), RSV3 (1)."""
    head = bytes([final << 7 | reserved << 4 | opcode])
    size, mask_bit = len(payload), masked << 7
    if size < 126:
        head += bytes([mask_bit | size])
    elif size < 1 << 16:
        head += bytes([mask_bit | 126]) + size.to_bytes(2)
    else:
        head += bytes([mask_bit | 127]) + size.to_bytes(8)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))


def close_frame(code: int, reason: str = "") -> bytes:
    return frame_of(CLOSE, code.to_bytes(2) + reason.encode())


class Served(Protocol):
    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...


@dataclass
class RawSocket:
    sock: socket.socket
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, edge: Served, *, receive_bytes: int | None = None, path: str = PATH) -> "RawSocket":
        """Upgraded. With `receive_bytes` the kernel takes little more than that before the edge has to wait."""
        sock = socket.socket()
        if receive_bytes is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (edge.host, edge.port))
        reader, writer = await asyncio.open_connection(sock=sock, limit=1 << 12)
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n".encode()
        )
        async with asyncio.timeout(PATIENCE_S):
            head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        return cls(sock, reader, writer)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        async with asyncio.timeout(PATIENCE_S):
            await self.writer.drain()

    async def frame(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame; raises EOFError or ConnectionError at the end."""
        async with asyncio.timeout(PATIENCE_S):
            first, second = await self.reader.readexactly(2)
            assert first & 0x80 and not first & 0x70 and not second & 0x80, "a server's frames are whole, plain and unmasked"
            size = second & 0x7F
            if size > 125:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8))
            return first & 0x0F, await self.reader.readexactly(size)

    async def text(self) -> str:
        """The next text; heartbeats are passed over."""
        while True:
            opcode, payload = await self.frame()
            if opcode == TEXT:
                return payload.decode()
            assert opcode in (PING, PONG), (opcode, payload)

    async def close_code(self) -> tuple[int, str]:
        """Of the close that must come next, heartbeats apart; then the other side hangs up."""
        opcode, payload = await self.frame()
        while opcode in (PING, PONG):
            opcode, payload = await self.frame()
        assert opcode == CLOSE, (opcode, payload)
        self.writer.write(frame_of(CLOSE, payload))
        async with asyncio.timeout(PATIENCE_S):
            await self.reader.read()
        return (int.from_bytes(payload[:2]), payload[2:].decode()) if payload else (NO_CODE, "")

    def close(self) -> None:
        self.writer.transport.abort()
