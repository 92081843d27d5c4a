"""One Valkey of our own: memory only (nothing in it is the only copy), bounded, on 127.0.0.1 with a password."""

import asyncio
import subprocess
from pathlib import Path

from control_plane.provision.binaries import valkey_server
from control_plane.provision.errors import PortTaken, StartFailed
from control_plane.provision.launch import Launch, launch
from control_plane.provision.processes import end, ended, log_tail, port_is_free, until
from control_plane.provision.secret_files import kept_secret, write_private

START_TIMEOUT_S = 20.0
PING_TIMEOUT_S = 1.0
STOP_S = 5.0
MEMORY_MB_MAX = 256


class Valkey:
    """A server whose password and configuration live beneath `home`."""

    def __init__(self, home: Path, port: int, *, log: Path | None = None, memory_mb_max: int = MEMORY_MB_MAX) -> None:
        self.home = home
        self.port = port
        self.log = log or home / "valkey.log"
        self.memory_mb_max = memory_mb_max
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def password(self) -> str:
        return kept_secret(self.home / "valkey.password")

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.poll() is None else None

    async def prepare(self) -> Launch:
        """Write the configuration (a password does not belong on a command line) and see that the port is free."""
        if not port_is_free(self.port):
            raise PortTaken(self.port, f"Valkey of {self.home}")
        configuration = self.home / "valkey.conf"
        write_private(configuration, self._configuration())
        return Launch(argv=(str(valkey_server()), str(configuration)), log=self.log, cwd=str(self.home.resolve()))

    async def is_ready(self) -> bool:
        """Whether it answers PING to who knows the password."""
        try:
            async with asyncio.timeout(PING_TIMEOUT_S):
                return await self._ping()
        except (OSError, TimeoutError):
            return False

    async def start(self) -> None:
        """Start and wait until it answers; or StartFailed, PortTaken."""
        if self._process is not None and not await ended(self._process, STOP_S):
            raise StartFailed("Valkey", f"it runs already (pid {self._process.pid})", self.log)
        self._process = process = launch(await self.prepare())

        async def settled() -> bool:
            return process.poll() is not None or await self.is_ready()

        if not await until(settled, START_TIMEOUT_S):
            await self.stop()
        if self.pid is None:
            raise StartFailed("Valkey", log_tail(self.log), self.log)

    async def stop(self) -> None:
        if self._process is not None:
            await end(self._process, (15, STOP_S))

    async def _ping(self) -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(f"AUTH {self.password}\r\nPING\r\n".encode())
            return await reader.readline() == b"+OK\r\n" and await reader.readline() == b"+PONG\r\n"
        finally:
            writer.close()

    def _configuration(self) -> str:
        lines = (
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.password}",
            'save ""',
            "appendonly no",
            "daemonize no",
            f"maxmemory {self.memory_mb_max}mb",
            "maxmemory-policy allkeys-lru",
        )
        return "\n".join(lines) + "\n"
