"""The supervisor with real processes that stand in for the planes: they start, die, refuse to end, are left behind."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from control_plane.provision import run_records
from control_plane.provision.decisions import Wish
from control_plane.provision.errors import PortTaken, ProvisionError
from control_plane.provision.launch import Launch
from control_plane.provision.services import Steps
from control_plane.provision.supervision import Supervision
from control_plane.provision.supervisor_lock import AlreadyRunning, SupervisorLock, holder
from tests.harness.eventually import eventually

pytestmark = pytest.mark.anyio
WAIT_S = 20.0
QUIET = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


@dataclass
class StandIn:
    """A process that is ready as soon as it wrote a line, or runs at all."""

    wish: Wish
    home: Path
    program: str = QUIET
    waits_for_line: bool = False
    never_ready: bool = False
    port_taken: bool = False
    stage: int = 0
    stopping: Steps = ((signal.SIGTERM, 0.3),)

    async def prepare(self) -> Launch:
        if self.port_taken:
            raise PortTaken(80, self.wish.name)
        return Launch(argv=(sys.executable, "-c", self.program), log=self.log)

    async def is_ready(self, pid: int, /) -> bool:
        return not self.never_ready and (not self.waits_for_line or b"\n" in self.log.read_bytes())

    @property
    def log(self) -> Path:
        return self.home / f"{self.wish.name}.log"


class Watched:
    """A supervision that runs, and what it said."""

    def __init__(self, run: Path) -> None:
        self.said: list[str] = []
        self.run = run
        run.mkdir(exist_ok=True)
        self.supervision = Supervision(run, self.said.append)

    def pid(self, name: str) -> int | None:
        return next((one.pid for one in self.supervision.seen() if one.name == name), None)

    def starts(self, name: str) -> int:
        return next(one.starts for one in self.supervision.seen() if one.name == name)

    async def complete(self) -> None:
        await eventually(lambda: self.supervision.complete)


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    watched = Watched(tmp_path / "run")
    task = asyncio.create_task(watched.supervision.run())
    yield watched
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, ProvisionError):
        await task
    await watched.supervision.end_all()


async def test_what_is_needed_starts_first(watched: Watched, tmp_path: Path) -> None:
    tables = StandIn(Wish("tables", needs=("store",), once=True), tmp_path, program="print('made')")
    cell = StandIn(Wish("cell", needs=("tables", "store")), tmp_path)
    watched.supervision.want([cell, tables, StandIn(Wish("store"), tmp_path)])
    await watched.complete()
    started = {name: psutil.Process(pid).create_time() for name in ("store", "cell") if (pid := watched.pid(name))}
    assert started["store"] < started["cell"]
    assert (tmp_path / "tables.log").read_text() == "made\n"


async def test_a_killed_process_comes_back_and_that_is_said(watched: Watched, tmp_path: Path) -> None:
    watched.supervision.want([StandIn(Wish("cell"), tmp_path)])
    await watched.complete()
    first = watched.pid("cell")
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: watched.pid("cell") not in (None, first))
    await watched.complete()
    assert "cell ended: killed by signal 9" in watched.said
    assert "cell is back (start 2)" in watched.said


async def test_what_is_no_longer_wanted_ends_and_the_rest_stays(watched: Watched, tmp_path: Path) -> None:
    keep, drop = StandIn(Wish("keep"), tmp_path), StandIn(Wish("drop"), tmp_path)
    watched.supervision.want([keep, drop])
    await watched.complete()
    kept, dropped = watched.pid("keep"), watched.pid("drop")
    watched.supervision.want([keep])
    assert dropped is not None
    await eventually(lambda: not psutil.pid_exists(dropped))
    assert watched.pid("keep") == kept


async def test_one_that_does_not_listen_is_killed_in_bounded_time(watched: Watched, tmp_path: Path) -> None:
    watched.supervision.want([StandIn(Wish("deaf"), tmp_path, program=STUBBORN, waits_for_line=True)])
    await watched.complete()
    pid = watched.pid("deaf")
    async with asyncio.timeout(5):
        await watched.supervision.end_all()
    assert pid is not None
    assert not psutil.pid_exists(pid)
    assert list(watched.run.glob("*.json")) == []


async def test_a_mistake_at_the_first_start_is_one_line_with_the_last_words(tmp_path: Path) -> None:
    supervision = Supervision(tmp_path, lambda _: None)
    mistaken = StandIn(Wish("cell"), tmp_path, program="import sys; sys.exit('WAGGLE_CELL_NAME is not set')", never_ready=True)
    supervision.want([mistaken])
    with pytest.raises(ProvisionError, match=r"^cell cannot be started: .*exit code 1 \(WAGGLE_CELL_NAME is not set\)$"):
        await asyncio.wait_for(supervision.run(), WAIT_S)


async def test_what_cannot_be_prepared_counts_as_a_failed_start(tmp_path: Path) -> None:
    supervision = Supervision(tmp_path, lambda _: None)
    supervision.want([StandIn(Wish("cell"), tmp_path, port_taken=True)])
    with pytest.raises(ProvisionError, match=r"port 80 on 127\.0\.0\.1 is taken"):
        await asyncio.wait_for(supervision.run(), WAIT_S)


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's; elsewhere the next start clears up")
async def test_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    supervisor = _supervisor_of_a_sleeper(tmp_path)
    child = await _child_of(supervisor)
    supervisor.kill()
    supervisor.wait(WAIT_S)
    await eventually(lambda: not psutil.pid_exists(child))


async def test_what_a_killed_supervisor_left_is_ended_by_the_next(tmp_path: Path) -> None:
    left, innocent = _sleeper(), _sleeper()
    try:
        run_records.record(tmp_path, "left", left.pid)
        # The pid of a dead process, given to somebody else since.
        (tmp_path / "reused.json").write_text(f'{{"pid": {innocent.pid}, "started": 1.0}}')
        (tmp_path / "damaged.json").write_text('{"pid":')
        assert await asyncio.to_thread(run_records.end_orphans, tmp_path) == ["left"]
        assert left.poll() is not None
        assert innocent.poll() is None
        assert list(tmp_path.glob("*.json")) == []
    finally:
        for process in (left, innocent):
            process.kill()
            process.wait(WAIT_S)


async def test_one_supervisor_a_home_and_the_lock_dies_with_it(tmp_path: Path) -> None:
    path = tmp_path / "supervisor.lock"
    other = _holder_of(path)
    assert other.stdout is not None
    with other, other.stdout as held:
        assert await asyncio.to_thread(held.readline) == b"held\n"
        assert holder(path) == other.pid
        with pytest.raises(AlreadyRunning, match=f"pid {other.pid}"):
            SupervisorLock(path)
        other.kill()
        other.wait(WAIT_S)
    assert holder(path) is None
    SupervisorLock(path).release()


def _holder_of(path: Path) -> "subprocess.Popen[bytes]":
    program = (
        "import time; from pathlib import Path; from control_plane.provision.supervisor_lock import SupervisorLock;"
        f"lock = SupervisorLock(Path({str(path)!r})); print('held', flush=True); time.sleep(600)"
    )
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)


def _sleeper() -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", QUIET])


def _supervisor_of_a_sleeper(home: Path) -> "subprocess.Popen[bytes]":
    program = (
        "import sys, time; from pathlib import Path; from control_plane.provision.launch import Launch, launch;"
        f"launch(Launch(argv=(sys.executable, '-c', {QUIET!r}), log=Path({str(home)!r}) / 'child.log')); time.sleep(600)"
    )
    return subprocess.Popen([sys.executable, "-c", program])


async def _child_of(supervisor: "subprocess.Popen[bytes]") -> int:
    """The pid of its child once that is what it was launched as, and so past the promise to end with its parent."""

    def settled() -> list[psutil.Process]:
        return [one for one in psutil.Process(supervisor.pid).children() if one.cmdline()[-1:] == [QUIET]]

    await eventually(lambda: bool(settled()))
    return settled()[0].pid
