"""The life of one platform: what a killed one left is cleared, everything started, kept in step with HOME, stopped."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from chassis.identity import CellName
from chassis.rpc import create_credential_file
from control_plane.provision import run_records
from control_plane.provision.demo import ensure_demo, served
from control_plane.provision.errors import ProvisionError
from control_plane.provision.given_settings import given, rooted
from control_plane.provision.interface import CellSpec
from control_plane.provision.layout import Layout, Ports
from control_plane.provision.local import LocalProvisioner
from control_plane.provision.log_limits import limit_logs
from control_plane.provision.platform_file import PlatformState, write_state
from control_plane.provision.platform_services import ROUTER, Surroundings, platform_services
from control_plane.provision.processes import until
from control_plane.provision.reach import unreached
from control_plane.provision.supervision import Seen, Supervision
from control_plane.provision.supervisor_lock import SupervisorLock

FIRST_PORT = 8080
RECONCILE_S = 0.2
LIMIT_LOGS_S = 5.0
COMPLETE_S_MAX = 120.0
KNOWN_COMPLETE_S_MAX = 20.0
REACHED_S_MAX = 5.0
DEMO_S_MAX = 20.0
KNOWN_DEMO_S_MAX = 5.0

Show = Callable[[Sequence[Seen]], None]
Say = Callable[[str], None]


class Upbringing:
    """Owns the lock of `layout.home` while it runs."""

    def __init__(self, layout: Layout, *, cells: int, port: int | None, host: str, domain: str, demo: bool) -> None:
        self._layout = layout
        self._cells = cells
        self._port = port
        self._host = host
        self._domain = domain
        self._demo = demo
        self._ready = False
        self._provisioner = LocalProvisioner(layout.home)

    async def run(self, *, show: Show, say: Say, on_ready: Callable[[], None]) -> None:
        """Until SIGINT, SIGTERM, or something cannot be started (ProvisionError). All processes are ended on return."""
        self._layout.create()
        lock = SupervisorLock(self._layout.lock)
        try:
            for name in await asyncio.to_thread(run_records.end_orphans, self._layout.run):
                say(f"ended {name}, left by a supervisor that was killed")
            around = self._surroundings()
            supervision = Supervision(self._layout.run, say, complete_before=self._layout.served.exists())
            self._want(supervision, around)
            await self._live(supervision, around, show, say, on_ready)
        finally:
            self._layout.platform.unlink(missing_ok=True)
            lock.release()

    def _surroundings(self) -> Surroundings:
        create_credential_file(self._layout.token)
        ports = Ports(self._layout.home / "ports.json")
        ports.require(ROUTER, self._port if self._port is not None else ports.kept(ROUTER) or FIRST_PORT)
        return Surroundings(self._layout, ports, self._host, self._domain, given(rooted(os.environ, Path.cwd())))

    def _want(self, supervision: Supervision, around: Surroundings) -> None:
        missing = self._cells - len(self._provisioner.wanted())
        names = {cell.name for cell in self._provisioner.wanted()}
        for name in [name for n in range(1, 2 * self._cells + 1) if (name := CellName(f"cell-{n}")) not in names][: max(missing, 0)]:
            self._provisioner.want(CellSpec(name))
        supervision.want(platform_services(around, self._provisioner.wanted()))

    async def _live(self, supervision: Supervision, around: Surroundings, show: Show, say: Say, on_ready: Callable[[], None]) -> None:
        stop = _on_signals()
        work = [
            asyncio.create_task(supervision.run()),
            asyncio.create_task(self._in_step(supervision, around, show, say)),
            asyncio.create_task(self._bring_up(supervision, around, say, on_ready)),
            asyncio.create_task(self._limit_logs()),
        ]
        waiting = asyncio.create_task(stop.wait())
        try:
            await _first_error_or(waiting, work)
        finally:
            for task in (*work, waiting):
                task.cancel()
            await asyncio.gather(*work, waiting, return_exceptions=True)
            say("stopping")
            await supervision.end_all()

    async def _bring_up(self, supervision: Supervision, around: Surroundings, say: Say, on_ready: Callable[[], None]) -> None:
        await self._complete(supervision, say)
        await self._reached(around, say)
        if self._demo:
            await self._serve_demo(around, say)
        self._layout.served.touch(mode=0o600)
        self._ready = True
        self._write(supervision, around)
        on_ready()

    async def _complete(self, supervision: Supervision, say: Say) -> None:
        """A new home must be complete; one that served before serves with what it has, as a broken cell harms only itself."""

        async def complete() -> bool:
            return supervision.complete

        known = self._layout.served.exists()
        if await until(complete, KNOWN_COMPLETE_S_MAX if known else COMPLETE_S_MAX, RECONCILE_S / 4):
            return
        if not known:
            raise ProvisionError(f"not complete after {COMPLETE_S_MAX:.0f} s: {supervision.missing()}")
        say(f"serving without {supervision.missing()}")

    async def _reached(self, around: Surroundings, say: Say) -> None:
        """Requests are served once the router has a tunnel to each cell; one that stays away keeps nobody else waiting for long."""
        cells = {cell.name for cell in self._provisioner.wanted()}
        port = around.ports.get(f"{ROUTER}-health")

        async def reached() -> bool:
            return not await unreached(port, cells)

        if not await until(reached, REACHED_S_MAX, RECONCILE_S / 4):
            say(f"the router does not reach {', '.join(sorted(await unreached(port, cells)))} yet")

    async def _serve_demo(self, around: Surroundings, say: Say) -> None:
        """Nobody's start fails for a demo workspace that was served before."""
        known = self._layout.served.exists()
        try:
            demo = await ensure_demo(self._layout, around.control_address, around.public_url)
        except ProvisionError as error:
            if not known:
                raise
            say(str(error))
            return
        token = demo.tokens.get("owner", "")
        if token and not await served(around.public_url, token, KNOWN_DEMO_S_MAX if known else DEMO_S_MAX):
            complaint = "the demo workspace is not answered through the edge; see the router's log"
            if not known:
                raise ProvisionError(complaint)
            say(complaint)

    async def _in_step(self, supervision: Supervision, around: Surroundings, show: Show, say: Say) -> None:
        """Follows HOME/cells, and tells what changed."""
        cells, told, complaint = self._provisioner.wanted(), -1, ""
        while True:
            try:
                wanted = await self._provisioner.cells()
                if wanted != cells:
                    say(f"cells wanted now: {', '.join(_shown(cell) for cell in wanted)}")
                    supervision.want(platform_services(around, wanted))
                    cells = wanted
                complaint = ""
            except ProvisionError as error:
                if str(error) != complaint:
                    complaint = str(error)
                    say(complaint)
            if told != supervision.changes:
                told = supervision.changes
                self._write(supervision, around)
                if not self._ready:
                    show(supervision.seen())
            await asyncio.sleep(RECONCILE_S)

    def _write(self, supervision: Supervision, around: Surroundings) -> None:
        state = PlatformState(os.getpid(), self._ready, around.public_url, around.control_address, tuple(supervision.seen()))
        write_state(self._layout.platform, state)

    async def _limit_logs(self) -> None:
        while True:
            await asyncio.sleep(LIMIT_LOGS_S)
            await asyncio.to_thread(limit_logs, self._layout.logs)


def _shown(cell: CellSpec) -> str:
    return f"{cell.name} ({cell.version})" if cell.version else cell.name


def _on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _first_error_or(waiting: "asyncio.Task[bool]", work: Sequence["asyncio.Task[None]"]) -> None:
    """Returns when `waiting` is done; raises what any of `work` raised before. Work that ends well is no reason to stop."""
    pending: set[asyncio.Task[bool] | asyncio.Task[None]] = {waiting, *work}
    while waiting in pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
