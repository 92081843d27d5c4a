"""A lean HTTP/1.1 load generator: closed loop, keep-alive, one request in flight a connection.

Raw `asyncio.Protocol` on uvloop, because the generator shares the machine with what it measures: about 30 us of CPU a
request, where httpx takes 400. Latency is from the write to the last byte of the answer, in seconds.
"""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
NextRequest = Callable[[int], bytes]
"""Connection number -> the whole next request, head and body."""


@dataclass
class Tally:
    """What one run saw."""

    latencies_s: list[float] = field(default_factory=list)
    failures: int = 0
    first_failure: str = ""
    elapsed_s: float = 0.0

    @property
    def per_s(self) -> float:
        return len(self.latencies_s) / self.elapsed_s if self.elapsed_s else 0.0

    def quantile_ms(self, share: float) -> float:
        ranked = sorted(self.latencies_s)
        return 1000 * ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else float("nan")


def http_request(path: str, host: str, token: str, body: bytes = b"", content_type: str = "application/json; charset=utf-8") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nContent-Type: {content_type}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class _Connection(asyncio.Protocol):
    def __init__(self, number: int, next_request: NextRequest, tally: Tally, until_s: float, accept: bytes) -> None:
        self._number, self._next, self._tally, self._until_s, self._accept = number, next_request, tally, until_s, accept
        self._buffer = b""
        self._sent_s = 0.0
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        found = _LENGTH.search(self._buffer, 0, head + 2)
        if found is None:
            self._fail("an answer without content-length")
            return
        if len(self._buffer) >= head + 4 + int(found[1]):
            self._answered(self._buffer)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.finished.done():
            self._fail(f"connection lost: {exc}")

    def _answered(self, answer: bytes) -> None:
        self._buffer = b""
        now_s = time.perf_counter()
        if self._accept in answer:
            self._tally.latencies_s.append(now_s - self._sent_s)
        else:
            self._tally.failures += 1
            self._tally.first_failure = self._tally.first_failure or answer[-300:].decode(errors="replace")
        if now_s < self._until_s:
            self._send()
        else:
            self._end()

    def _send(self) -> None:
        self._sent_s = time.perf_counter()
        self._transport.write(self._next(self._number))

    def _fail(self, reason: str) -> None:
        self._tally.failures += 1
        self._tally.first_failure = self._tally.first_failure or reason
        self._end()

    def _end(self) -> None:
        if not self.finished.done():
            self.finished.set_result(None)
        self._transport.close()


async def closed_loop(
    host: str, port: int, clients: int, duration_s: float, next_request: NextRequest, accept: bytes = b'"ok":true'
) -> Tally:
    """Run `clients` connections for `duration_s`; an answer without the bytes `accept` is a failure."""
    tally = Tally()
    loop = asyncio.get_running_loop()
    started_s = time.perf_counter()
    connections = []
    for number in range(clients):

        def connect(number: int = number) -> _Connection:
            return _Connection(number, next_request, tally, started_s + duration_s, accept)

        connections.append((await loop.create_connection(connect, host, port))[1])
    async with asyncio.timeout(duration_s + 30):
        await asyncio.gather(*(connection.finished for connection in connections))
    tally.elapsed_s = time.perf_counter() - started_s
    return tally


def posts(host: str, token: str, channels: list[str], text: str) -> NextRequest:
    """chat.postMessage from each connection, spread over `channels`."""
    counter: Iterator[int] = iter(range(10**12))

    def next_request(number: int) -> bytes:
        channel = channels[number % len(channels)]
        body = f'{{"channel":"{channel}","text":"{text} {next(counter)}"}}'.encode()
        return http_request("/api/chat.postMessage", host, token, body)

    return next_request
