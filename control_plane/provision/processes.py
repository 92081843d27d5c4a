"""Waiting for, ending and recognising processes. Every wait is bounded."""

import asyncio
import contextlib
import random
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable, Container
from pathlib import Path

import psutil

from control_plane.provision.errors import ProvisionError

POLL_S = 0.01
PORTS = range(20_000, 32_000)
"""Below the range that Linux hands to outgoing connections, which would otherwise take a port while its server restarts."""
PORT_TRIES_MAX = 200


async def until(is_true: Callable[[], Awaitable[bool]], timeout_s: float, poll_s: float = POLL_S) -> bool:
    """Look until `is_true`, for facts that announce themselves to nobody; False after `timeout_s`."""
    try:
        async with asyncio.timeout(timeout_s):
            while not await is_true():  # noqa: ASYNC110 - the other side is a process, a file or a port
                await asyncio.sleep(poll_s)
    except TimeoutError:
        return False
    return True


async def ended(process: subprocess.Popen[bytes], timeout_s: float) -> bool:
    """Whether `process` ends within `timeout_s`; its return code is collected if so."""

    async def gone() -> bool:
        return process.poll() is not None

    return await until(gone, timeout_s)


async def end(process: subprocess.Popen[bytes], *steps: tuple[int, float]) -> None:
    """Send each signal and wait its seconds; at last SIGKILL, which cannot be refused."""
    for number, wait_s in (*steps, (signal.SIGKILL, 5.0)):
        if process.poll() is not None:
            return
        process.send_signal(number)
        if await ended(process, wait_s):
            return


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on `port` now. Connections that linger from an earlier server do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str = "127.0.0.1", *, span: int = 1, besides: Container[int] = ()) -> int:
    """The first of `span` neighbouring ports that nobody listens on now, none of them in `besides`. Raises ProvisionError."""
    for _ in range(PORT_TRIES_MAX):
        first = random.choice(PORTS)  # noqa: S311 - not a secret
        if all(port not in besides and port_is_free(port, host) for port in range(first, first + span)):
            return first
    raise ProvisionError(f"no free port found between {PORTS.start} and {PORTS.stop}")


def working_in(folder: Path, name: str) -> list[psutil.Process]:
    """Processes called `name…` whose working directory is `folder`; those that we may not look at are not ours."""
    found = []
    for process in psutil.process_iter(["name"]):
        with contextlib.suppress(psutil.Error, OSError):
            if process.info["name"].startswith(name) and Path(process.cwd()) == folder:
                found.append(process)
    return found


def log_tail(log: Path, since: int = 0, lines: int = 3, bytes_max: int = 4096) -> str:
    """The last `lines` of what was written to `log` after byte `since`, in one line."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(since, size - bytes_max))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return "no log"
    return " | ".join(line.strip() for line in text.splitlines()[-lines:] if line.strip()) or "no log"
