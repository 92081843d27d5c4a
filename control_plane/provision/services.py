"""The kinds of process a platform is made of: how each is prepared, and how it is seen to be ready."""

import asyncio
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import asyncpg

from control_plane.provision.builds import Builds
from control_plane.provision.decisions import Wish
from control_plane.provision.launch import Launch
from control_plane.provision.layout import Layout
from control_plane.provision.postgres import APP_ROLE, DATABASE, STOPPING, Postgres
from control_plane.provision.reach import has_tunnel
from control_plane.provision.valkey import Valkey

READY_TIMEOUT_S = 1.0
CONNECT_TIMEOUT_S = 10.0
Steps = tuple[tuple[int, float], ...]


class Service(Protocol):
    """One process of the platform. `stage`: what is higher stops earlier."""

    @property
    def wish(self) -> Wish: ...
    @property
    def stage(self) -> int: ...
    @property
    def stopping(self) -> Steps:
        """Signals and the seconds each is given; SIGKILL follows."""

    async def prepare(self) -> Launch:
        """Everything before the start. Raises ProvisionError or OSError."""

    async def is_ready(self, pid: int, /) -> bool: ...


@dataclass(frozen=True, slots=True)
class PostgresService:
    wish: Wish
    server: Postgres
    stage: int = 0
    stopping: Steps = STOPPING

    async def prepare(self) -> Launch:
        return await self.server.prepare()

    async def is_ready(self, pid: int, /) -> bool:
        return self.server.is_ready(pid)


@dataclass(frozen=True, slots=True)
class ValkeyService:
    wish: Wish
    server: Valkey
    stage: int = 0
    stopping: Steps = ((signal.SIGTERM, 5.0),)

    async def prepare(self) -> Launch:
        return await self.server.prepare()

    async def is_ready(self, _pid: int, /) -> bool:
        return await self.server.is_ready()


@dataclass(frozen=True, slots=True)
class MigrationService:
    """Creates the database if need be and brings its tables up to date, as their owner. Ends by itself."""

    wish: Wish
    layout: Layout
    server: Postgres
    plane: str
    version: str = ""
    """Whose revisions; empty: our own."""
    stage: int = 1
    stopping: Steps = ((signal.SIGTERM, 5.0),)

    async def prepare(self) -> Launch:
        await _ensure_database(self.server)
        python, code = await _code(self.layout, self.version)
        argv = (python, "-m", "migrations", self.plane, self.server.url(password=False))
        # Environments are private to their user, command lines are not.
        env = {**code, "PGPASSWORD": self.server.password("waggle"), "WAGGLE_APP_PASSWORD": self.server.password(APP_ROLE)}
        return Launch(argv=argv, log=self.layout.log(self.wish.name), env=env)

    async def is_ready(self, _pid: int, /) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class PlaneService:
    """A process of one of the planes; ready when its health port says so."""

    wish: Wish
    layout: Layout
    module: str
    env: Mapping[str, str]
    health_port: int
    version: str = ""
    """Whose code; empty: our own."""
    stage: int = 2
    stopping: Steps = ((signal.SIGTERM, 15.0),)

    async def prepare(self) -> Launch:
        python, code = await _code(self.layout, self.version)
        return Launch(argv=(python, "-m", self.module), log=self.layout.log(self.wish.name), env={**self.env, **code})

    async def is_ready(self, _pid: int, /) -> bool:
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                return await _answers_ready(self.health_port)
        except (OSError, TimeoutError):
            return False

    async def is_reached(self) -> bool:
        """Whether a router sends to it; what its health port says of tunnels."""
        return await has_tunnel(self.health_port)


async def _code(layout: Layout, version: str) -> tuple[str, Mapping[str, str]]:
    """The interpreter of a version, and what makes it run that version's code. Raises ProvisionError."""
    if not version:
        return sys.executable, {}
    build = await asyncio.to_thread(Builds(layout.home).require, version)
    return str(build.python), build.environment


async def _answers_ready(port: int) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return b" 200 " in await reader.readline()
    finally:
        writer.close()


async def _ensure_database(server: Postgres) -> None:
    connection = await asyncpg.connect(server.url("postgres"), timeout=CONNECT_TIMEOUT_S)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f'CREATE DATABASE "{DATABASE}"')
    finally:
        await connection.close(timeout=CONNECT_TIMEOUT_S)
