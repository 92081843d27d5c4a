"""A small HTTP server for probes and Prometheus: GET /livez, /readyz, /metrics. One request a connection.

Not on the main port, so that a flood of clients cannot make a process look dead.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus

from prometheus_client import REGISTRY
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from chassis.errors import SettingsError
from chassis.process.lifecycle import Lifecycle

HEAD_BYTES_MAX = 8 * 1024
EXCHANGE_S_MAX = 5.0
CONNECTIONS_MAX = 64
_TEXT = "text/plain; charset=utf-8"

Answer = tuple[HTTPStatus, str, bytes]


@asynccontextmanager
async def serving_health(lifecycle: Lifecycle, host: str, port: int) -> AsyncIterator[int]:
    """Serve while the block runs; yields the port that was bound. Raises SettingsError where it cannot listen."""
    health = _Health(lifecycle)
    try:
        server = await asyncio.start_server(health.on_connection, host, port, limit=HEAD_BYTES_MAX)
    except OSError as wrong:
        raise SettingsError(f"cannot listen on '{host}:{port}' for health: {wrong.strerror or wrong}") from None
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await health.close()


class _Health:
    def __init__(self, lifecycle: Lifecycle) -> None:
        self._lifecycle = lifecycle
        self._exchanges: set[asyncio.Task[None]] = set()

    def on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._exchanges) >= CONNECTIONS_MAX:
            writer.close()
            return
        exchange = asyncio.ensure_future(self._exchange(reader, writer))
        self._exchanges.add(exchange)
        exchange.add_done_callback(self._exchanges.discard)

    async def close(self) -> None:
        for exchange in list(self._exchanges):
            exchange.cancel()
        await asyncio.gather(*self._exchanges, return_exceptions=True)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A probe that sends too much, too slowly or hangs up gets no answer, and nobody else needs to know.
        with suppress(TimeoutError, OSError, asyncio.LimitOverrunError, asyncio.IncompleteReadError):
            try:
                async with asyncio.timeout(EXCHANGE_S_MAX):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(_response(head, self._answer(head)))
                    await writer.drain()
            finally:
                writer.close()

    def _answer(self, head: bytes) -> Answer:
        method, _, rest = head.partition(b" ")
        path = rest.split(b" ", 1)[0].split(b"?", 1)[0]
        if method not in (b"GET", b"HEAD"):
            return HTTPStatus.METHOD_NOT_ALLOWED, _TEXT, b"GET or HEAD\n"
        match path:
            case b"/livez":
                return HTTPStatus.OK, _TEXT, b"ok\n"
            case b"/readyz":
                return self._readiness()
            case b"/metrics":
                return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(REGISTRY)
        return HTTPStatus.NOT_FOUND, _TEXT, b"/livez, /readyz or /metrics\n"

    def _readiness(self) -> Answer:
        reason = self._lifecycle.reason
        return (HTTPStatus.OK, _TEXT, b"ok\n") if reason is None else (HTTPStatus.SERVICE_UNAVAILABLE, _TEXT, f"{reason}\n".encode())


def _response(head: bytes, answer: Answer) -> bytes:
    status, content_type, body = answer
    lines = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"content-type: {content_type}",
        f"content-length: {len(body)}",
        "connection: close",
        "\r\n",
    )
    return "\r\n".join(lines).encode() + (b"" if head.startswith(b"HEAD ") else body)
