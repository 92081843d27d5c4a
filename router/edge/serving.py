"""Accepts connections on a listening socket, sweeps away those that take too long, and drains."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from hypercorn.config import Config
from prometheus_client import Counter, Gauge

from chassis.errors import SettingsError
from router.edge.connection import ASGIApp, Connection, Patience
from router.edge.tasks import WorkerContext

SWEEP_S = 1.0
TLS_HANDSHAKE_S = 10.0

CONNECTIONS = Gauge("waggle_router_connections", "Client connections open")
CUT = Counter("waggle_router_connections_cut", "Client connections cut by a limit", ["why"])
log = structlog.get_logger("router.edge")


@dataclass(frozen=True, slots=True)
class ServingSettings:
    connections_max: int = 20_000
    header_bytes_max: int = 32 << 10
    message_bytes_max: int = 64 << 10
    streams_max: int = 100
    """Requests at once on one HTTP/2 connection."""
    backlog: int = 1024
    drain_s: float = 10.0
    compression: bool = False
    certificate: Path | None = None
    key: Path | None = None
    patience: Patience = field(default_factory=Patience)


def hypercorn_config(settings: ServingSettings) -> Config:
    config = Config()
    config.h11_max_incomplete_size = settings.header_bytes_max
    config.h2_max_header_list_size = settings.header_bytes_max
    config.h2_max_concurrent_streams = settings.streams_max
    config.websocket_max_message_size = settings.message_bytes_max
    config.websocket_ping_interval = None  # the sweep pings
    config.keep_alive_max_requests = 1_000_000
    config.include_server_header = False
    config.errorlog = logging.getLogger("hypercorn.error")
    config.certfile = str(settings.certificate) if settings.certificate else None
    config.keyfile = str(settings.key) if settings.key else None
    return config


def tls_of(settings: ServingSettings) -> ssl.SSLContext | None:
    """None: not over TLS. Raises SettingsError for a certificate that cannot be used."""
    try:
        return hypercorn_config(settings).create_ssl_context()
    except (OSError, ssl.SSLError) as wrong:
        shown = f"{settings.certificate} with key {settings.key}"
        raise SettingsError(f"certificate {shown} cannot be used ({wrong}); it must be a PEM chain and its key") from None


class Serving:
    """The open connections of this process."""

    def __init__(self, app: ASGIApp, settings: ServingSettings) -> None:
        self._app = app
        self._settings = settings
        self._config = hypercorn_config(settings)
        self._context = WorkerContext(None)
        self._open: dict[Connection, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._open)

    async def listen(self, sock: socket.socket) -> asyncio.Server:
        tls = tls_of(self._settings)
        handshake_s = None if tls is None else TLS_HANDSHAKE_S
        return await asyncio.start_server(
            self._on_connection, sock=sock, backlog=self._settings.backlog, ssl=tls, ssl_handshake_timeout=handshake_s
        )

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= self._settings.connections_max:
            CUT.labels("too many").inc()
            writer.transport.abort()
            return
        compression = self._settings.compression
        connection = Connection(self._app, self._config, self._context, reader, writer, compression=compression)
        task = asyncio.current_task()
        assert task is not None
        self._open[connection] = task
        CONNECTIONS.inc()
        try:
            await connection
        except asyncio.CancelledError:
            log.debug("connection_cancelled")  # at the end of a drain
        finally:
            del self._open[connection]
            CONNECTIONS.dec()

    async def sweep(self) -> None:
        """Until cancelled, once a second."""
        while True:
            await asyncio.sleep(SWEEP_S)
            self.sweep_once(asyncio.get_running_loop().time())

    def sweep_once(self, now_s: float) -> None:
        for connection in tuple(self._open):
            why = connection.sweep(now_s, self._settings.patience)
            if why:
                CUT.labels(why).inc()
                connection.abort()

    async def drain(self) -> None:
        """Answer what was asked, for `drain_s` at most; then cut what is left. Nothing new must be accepted any more."""
        await self._context.terminated.set()
        for connection in tuple(self._open):
            if connection.idle:
                connection.hang_up()
        await self._wait(self._settings.drain_s)
        for connection, task in tuple(self._open.items()):
            connection.abort()
            task.cancel()
        await self._wait(1.0)

    async def _wait(self, limit_s: float) -> None:
        if self._open:
            await asyncio.wait(self._open.values(), timeout=limit_s)


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp, sock: socket.socket, settings: ServingSettings, *, on_stop: Callable[[], None] = lambda: None
) -> AsyncIterator[Serving]:
    """Serve on a bound socket while the block runs; then stop accepting, call `on_stop`, and drain."""
    served = Serving(app, settings)
    server = await served.listen(sock)
    sweep = asyncio.create_task(served.sweep())
    try:
        yield served
    finally:
        server.close()
        on_stop()
        await served.drain()
        sweep.cancel()
        await asyncio.gather(sweep, return_exceptions=True)
