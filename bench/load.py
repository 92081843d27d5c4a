"""A lean HTTP/1.1 load generator: closed loop, keep-alive, one request in flight a connection.

Raw `asyncio.Protocol` on uvloop, because the generator shares the machine with what it measures: about 30 us of CPU a
request, where httpx takes 400. Latency is from the write to the last byte of the answer, in seconds.
"""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
OPEN_LOOP_CONNECTIONS = 32
NextRequest = Callable[[int], bytes]
"""Connection number -> the whole next request, head and body."""


@dataclass
class Tally:
    """What one run saw."""

    latencies_s: list[float] = field(default_factory=list)
    failures: int = 0
    first_failure: str = ""
    elapsed_s: float = 0.0

    def fail(self, reason: str) -> None:
        self.failures += 1
        self.first_failure = self.first_failure or reason

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
    def __init__(self, tally: Tally, accept: bytes, on_free: Callable[["_Connection"], None]) -> None:
        self._tally, self._accept, self._on_free = tally, accept, on_free
        self._buffer = b""
        self._since_s = 0.0
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's do not derive from it

    def send(self, request: bytes, since_s: float) -> None:
        """The answer's latency counts from `since_s`, which an open loop sets to when the request was due."""
        self._since_s = since_s
        self._transport.write(request)

    def end(self) -> None:
        if not self.finished.done():
            self.finished.set_result(None)
        self._transport.close()

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
        if self._accept in answer:
            self._tally.latencies_s.append(time.perf_counter() - self._since_s)
        else:
            self._tally.fail(answer[-300:].decode(errors="replace"))
        self._on_free(self)

    def _fail(self, reason: str) -> None:
        self._tally.fail(reason)
        self.end()


async def closed_loop(
    host: str, port: int, clients: int, duration_s: float, next_request: NextRequest, accept: bytes = b'"ok":true'
) -> Tally:
    """Run `clients` connections for `duration_s`, each sending again when it is answered. An answer without `accept` is a failure."""
    tally = Tally()
    started_s = time.perf_counter()
    numbers: dict[_Connection, int] = {}

    def on_free(connection: _Connection) -> None:
        now_s = time.perf_counter()
        if now_s < started_s + duration_s:
            connection.send(next_request(numbers[connection]), now_s)
        else:
            connection.end()

    connections = await _connect(host, port, clients, lambda: _Connection(tally, accept, on_free))
    for number, connection in enumerate(connections):
        numbers[connection] = number
        on_free(connection)
    async with asyncio.timeout(duration_s + 30):
        await asyncio.gather(*(connection.finished for connection in connections))
    tally.elapsed_s = time.perf_counter() - started_s
    return tally


async def open_loop(
    host: str, port: int, rate_per_s: float, duration_s: float, next_request: NextRequest, accept: bytes = b'"ok":true'
) -> Tally:
    """A request every 1/rate s whatever the answers do, over at most 32 connections; latency counts from when it was due."""
    tally = Tally()
    free: asyncio.Queue[_Connection] = asyncio.Queue()
    for connection in await _connect(host, port, OPEN_LOOP_CONNECTIONS, lambda: _Connection(tally, accept, free.put_nowait)):
        free.put_nowait(connection)
    started_s = time.perf_counter()
    for number in range(int(rate_per_s * duration_s)):
        due_s = started_s + number / rate_per_s
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
        async with asyncio.timeout(30):
            connection = await free.get()
        connection.send(next_request(number), due_s)
    async with asyncio.timeout(30):
        for _ in range(OPEN_LOOP_CONNECTIONS):
            (await free.get()).end()
    tally.elapsed_s = time.perf_counter() - started_s
    return tally


async def _connect(host: str, port: int, count: int, make: Callable[[], _Connection]) -> list[_Connection]:
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(make, host, port))[1] for _ in range(count)]


def posts(host: str, token: str, channels: list[str], text: str) -> NextRequest:
    """chat.postMessage from each connection, spread over `channels`."""
    counter: Iterator[int] = iter(range(10**12))

    def next_request(number: int) -> bytes:
        channel = channels[number % len(channels)]
        body = f'{{"channel":"{channel}","text":"{text} {next(counter)}"}}'.encode()
        return http_request("/api/chat.postMessage", host, token, body)

    return next_request
