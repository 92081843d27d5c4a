"""Several worker processes on one listening socket: the parent opens it, starts them, and starts again what dies."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import Mapping

import structlog

from chassis.backoff import Backoff
from chassis.errors import SettingsError
from chassis.process import Lifecycle
from chassis.settings import Address
from router.app.settings import RouterSettings

RESTART = Backoff(first_s=0.2, limit_s=10.0)
STEADY_S = 30.0
"""A worker that lived so long starts the back-off anew."""
STOP_EXTRA_S = 5.0
EXIT_SETTINGS = 2

log = structlog.get_logger("router")


def listening(address: Address) -> socket.socket:
    """Raises SettingsError where it cannot listen."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind((address.host, address.port))
        sock.listen(1024)
    except OSError as wrong:
        sock.close()
        raise SettingsError(
            f"WAGGLE_ROUTER_LISTEN: {str(address)!r} cannot be listened on ({wrong.strerror}); it must be a free host:port of this machine"
        ) from None
    sock.setblocking(False)
    return sock


class Workers:
    def __init__(self, settings: RouterSettings, sock: socket.socket, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._sock = sock
        self._environ = environ
        self._stop_s = settings.edge.drain_s + STOP_EXTRA_S

    async def supervise(self, lifecycle: Lifecycle) -> None:
        """Until the lifecycle stops. Raises SettingsError when a worker refuses its settings."""
        read_end, write_end = os.pipe()
        try:
            async with asyncio.TaskGroup() as group:
                for index in range(self._settings.workers):
                    group.create_task(self._keep(index, read_end, lifecycle))
        except ExceptionGroup as failed:
            refused = failed.subgroup(SettingsError)
            raise (failed if refused is None else refused).exceptions[0] from None
        finally:
            os.close(read_end)
            os.close(write_end)

    async def _keep(self, index: int, parent_fd: int, lifecycle: Lifecycle) -> None:
        """A refusal at the first start is the operator's to mend; later it is the machine's (a port taken meanwhile) and is tried again."""
        failures, lived = 0, False
        while not lifecycle.stopping.is_set():
            started_s = time.monotonic()
            code = await self._live(index, parent_fd, lifecycle)
            if lifecycle.stopping.is_set():
                return
            if code == EXIT_SETTINGS and not lived:
                raise SettingsError(f"router worker {index} refused its settings (see the line above)")
            lived = True
            failures = 0 if time.monotonic() - started_s > STEADY_S else failures + 1
            delay_s = RESTART.delay_s(failures)
            log.error("worker_died", worker=index, exit_code=code, restart_s=round(delay_s, 2))
            await _sleep_unless(lifecycle.stopping, delay_s)

    async def _live(self, index: int, parent_fd: int, lifecycle: Lifecycle) -> int:
        """One worker, from its start to its end; its exit code."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "router.app", env=self._environment(index, parent_fd), pass_fds=(self._sock.fileno(), parent_fd)
        )
        log.info("worker_started", worker=index, pid=process.pid)
        ended, stopping = asyncio.ensure_future(process.wait()), asyncio.ensure_future(lifecycle.stopping.wait())
        try:
            await asyncio.wait((ended, stopping), return_when=asyncio.FIRST_COMPLETED)
            return await self._end(process, ended)
        finally:
            stopping.cancel()
            if process.returncode is None:
                process.kill()

    async def _end(self, process: asyncio.subprocess.Process, ended: "asyncio.Future[int]") -> int:
        if not ended.done():
            process.terminate()
            await asyncio.wait((ended,), timeout=self._stop_s)
        if not ended.done():
            log.error("worker_killed", pid=process.pid, after_s=self._stop_s)
            process.kill()
        return await ended

    def _environment(self, index: int, parent_fd: int) -> dict[str, str]:
        fds = {"WAGGLE_ROUTER_LISTEN_FD": str(self._sock.fileno()), "WAGGLE_ROUTER_PARENT_FD": str(parent_fd)}
        return {**self._environ, **fds, "WAGGLE_ROUTER_WORKER": str(index)}


async def _sleep_unless(event: asyncio.Event, delay_s: float) -> None:
    try:
        async with asyncio.timeout(delay_s):
            await event.wait()
    except TimeoutError:
        return


def stop_with_parent(parent_fd: int, lifecycle: Lifecycle) -> None:
    """Stop this worker when the parent is gone, however it went: the pipe it holds open then ends."""
    os.set_blocking(parent_fd, False)
    loop = asyncio.get_running_loop()

    def on_end() -> None:
        loop.remove_reader(parent_fd)
        lifecycle.stop()

    loop.add_reader(parent_fd, on_end)
