"""A virus scanner that speaks clamd's INSTREAM and knows one virus: the EICAR test file."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@dataclass
class Clamd:
    port: int = 0
    away: bool = False
    scanned: list[int] = field(default_factory=list)
    """Sizes, in the order they came."""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not self.away and await reader.readexactly(10) == b"zINSTREAM\x00":
                body = bytearray()
                while size := int.from_bytes(await reader.readexactly(4), "big"):
                    body += await reader.readexactly(size)
                self.scanned.append(len(body))
                writer.write(b"stream: Eicar-Test-Signature FOUND\x00" if EICAR in body else b"stream: OK\x00")
                await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def a_clamd() -> AsyncIterator[Clamd]:
    clamd = Clamd()
    server = await asyncio.start_server(clamd.answer, "127.0.0.1", 0)
    clamd.port = server.sockets[0].getsockname()[1]
    async with server:
        yield clamd
