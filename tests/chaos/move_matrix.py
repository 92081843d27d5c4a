"""One case after the other on one platform of real processes: bring a move to a point, kill a process there, see what becomes of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import psutil

from chassis.rpc import channel
from control_plane.cli.home import running_platform
from protos.admin.v1 import admin_pb2, admin_pb2_grpc
from tests.chaos.move_census import Databases
from tests.chaos.move_outcome import Row
from tests.chaos.move_points import Case, Point, Sides, Way
from tests.chaos.move_poster import LedgerPoster
from tests.harness import faults
from tests.harness.eventually import eventually
from tests.harness.platform import Platform
from tests.harness.slack import web_client

CELLS = ("cell-1", "cell-2")
REST_S_MAX = 60.0
REACH_S_MAX = 60.0
CALL_S_MAX = 10.0
LONG_WINDOW_S = 900.0
ENDED = ("done", "undone", "rolled_back")


@dataclass(frozen=True, slots=True)
class Pauses:
    """The folder that a control plane in a test looks into (WAGGLE_CONTROL_MOVE_PAUSES)."""

    folder: Path

    def ask(self, point: str) -> None:
        self.reached_file(point).unlink(missing_ok=True)
        (self.folder / point).touch()

    def release(self, point: str) -> None:
        (self.folder / point).unlink(missing_ok=True)

    def release_all(self) -> None:
        for file in self.folder.iterdir():
            file.unlink(missing_ok=True)

    def reached_file(self, point: str) -> Path:
        return self.folder / f"{point}.reached"

    async def reached(self, point: str) -> None:
        await eventually(self.reached_file(point).exists, REACH_S_MAX, 0.01)


@dataclass(frozen=True, slots=True)
class Subject:
    """The workspace that is moved to and fro."""

    name: str
    workspace_id: str
    token: str


@dataclass
class Matrix:
    platform: Platform
    pauses: Pauses
    databases: Databases
    numbers: int = 0
    subject: Subject | None = None

    async def run(self, case: Case) -> Row:
        """Whatever goes wrong is in the row; the next case then has a workspace of its own."""
        self.subject = subject = self.subject or await self._subject()
        self.numbers += 1
        client = web_client(self.platform, subject.token)
        client.timeout = int(CALL_S_MAX)
        made = await eventually(lambda: client.conversations_create(name=f"case-{self.numbers}"), REACH_S_MAX)
        poster = LedgerPoster(client, made["channel"]["id"])
        trial = Trial(self, case, subject, poster)
        with poster:
            await trial.run()
        trial.wrong += await asyncio.to_thread(poster.judged)
        if trial.wrong:
            self.subject = None
        return trial.row()

    async def _subject(self) -> Subject:
        made = await asyncio.to_thread(self.platform.workspace, f"matrix-{self.numbers}", CELLS[0])
        return Subject(made["name"], made["workspace_id"], made["tokens"]["owner"])

    async def order(self, what: Callable[[Any], Awaitable[admin_pb2.Move]]) -> admin_pb2.Move:
        """Until the control plane takes it: it, or a cell, may be on its way back from the last case."""
        platform = running_platform(self.platform.home)

        async def once() -> admin_pb2.Move:
            async with channel(platform.control_plane, platform.credential) as line:
                return await what(admin_pb2_grpc.AdminStub(line))

        return await eventually(once, REACH_S_MAX, 0.2)

    async def state(self, move_id: str) -> tuple[str, str]:
        """(state, step), from the row."""
        (row,) = await self.databases.fetch("control-plane", "SELECT state, step FROM moves WHERE id = $1", move_id)
        return row["state"], row["step"]


@dataclass
class Trial:
    """One case."""

    matrix: Matrix
    case: Case
    subject: Subject
    poster: LedgerPoster
    move_id: str = ""
    ended: str = "-"
    rest_s: float = 0.0
    wrong: list[str] = field(default_factory=list)

    async def run(self) -> None:
        point, home = self.case.point, await self.matrix.databases.home_of(self.subject.workspace_id)
        sides = Sides(home.cell, next(name for name in CELLS if name != home.cell))
        await eventually(lambda: len(self.poster.posted) > 3, REACH_S_MAX)
        try:
            async with self._brought(point, sides):
                killed = self._kill(sides.supervised(self.case.process))
            await self._rests()
            await self._is_back(*killed)
            await self._finished()
        except (AssertionError, grpc.RpcError) as error:
            self.wrong.append(" ".join(str(error).split())[:200])
        finally:
            self.matrix.pauses.release_all()

    @asynccontextmanager
    async def _brought(self, point: Point, sides: Sides) -> AsyncIterator[None]:
        """In the block the move stands at the point; after it, it goes on."""
        pauses = self.matrix.pauses
        if point.way is Way.BACK:
            await self._start(sides, LONG_WINDOW_S)
            await eventually(self._in_window, REACH_S_MAX)
            pauses.ask(point.pause)
            await self._order("RollbackMove")
        elif point.way is Way.FORTH:
            pauses.ask(point.pause)
            await self._start(sides, 0)
        else:
            await self._turned_back(point, sides, "arm.before" if point.way is Way.ABORT else "sealed")
        await pauses.reached(point.pause)
        yield
        pauses.release(point.pause)

    async def _turned_back(self, point: Point, sides: Sides, at: str) -> None:
        pauses = self.matrix.pauses
        pauses.ask(at)
        await self._start(sides, 0)
        await pauses.reached(at)
        pauses.ask(point.pause)
        await self._order("AbortMove")
        pauses.release(at)

    async def _start(self, sides: Sides, window_s: float) -> None:
        request = admin_pb2.StartMoveRequest(workspace=self.subject.name, cell=sides.target, window_s=window_s)
        self.move_id = (await self.matrix.order(lambda stub: stub.StartMove(request, timeout=CALL_S_MAX))).move_id

    async def _order(self, verb: str) -> None:
        reference = admin_pb2.MoveRef(move=self.move_id)
        await self.matrix.order(lambda stub: getattr(stub, verb)(reference, timeout=CALL_S_MAX))

    def _kill(self, process: str) -> tuple[str, int]:
        pid = self.matrix.platform.pid(process)
        faults.kill(pid)
        self._killed_s = time.monotonic()
        return process, pid

    async def _in_window(self) -> bool:
        return await self.matrix.state(self.move_id) == ("window", "window")

    async def _rests(self) -> None:
        """The move is over, or back in its window; nothing is left; posts are taken."""

        async def settled() -> str:
            state, step = await self.matrix.state(self.move_id)
            return state if state in ENDED or (self.case.point.way is Way.BACK and step == "window") else ""

        self.ended = await eventually(settled, REST_S_MAX)
        if self.ended in ENDED:
            await self._is_clean(self._killed_s + REST_S_MAX - time.monotonic())
        before = len(self.poster.posted)
        await eventually(lambda: len(self.poster.posted) > before + 1, self._killed_s + REST_S_MAX - time.monotonic())
        self.rest_s = time.monotonic() - self._killed_s

    async def _is_clean(self, within_s: float) -> None:
        async def clean() -> bool:
            left = await self.matrix.databases.census(self.subject.workspace_id, CELLS)
            assert not left, "; ".join(left)
            return True

        await eventually(clean, within_s, 0.2)

    async def _is_back(self, process: str, pid: int) -> None:
        """The supervisor has started it again."""

        def back() -> bool:
            now = self.matrix.platform.pid(process)
            return now != pid and psutil.pid_exists(now)

        await eventually(back, REST_S_MAX)

    async def _finished(self) -> None:
        """A rollback that was given up left a window, which is no leftover but would be in the next case's way."""
        if self.ended == "window":
            await self._order("FinishMove")
            await eventually(self._has_ended, REST_S_MAX)
            await self._is_clean(REST_S_MAX)

    async def _has_ended(self) -> bool:
        return (await self.matrix.state(self.move_id))[0] in ENDED

    def row(self) -> Row:
        longest_s = max(self.poster.pauses_s, default=0.0)
        point, process = self.case
        return Row(point.name, process, self.ended, round(self.rest_s, 1), round(longest_s, 1), len(self.poster.posted), tuple(self.wrong))


@asynccontextmanager
async def a_matrix(folder: Path, port: int) -> AsyncIterator[Matrix]:
    """A platform whose control plane can be stopped at any point."""
    pauses = Pauses(folder / "pauses")
    pauses.folder.mkdir()
    settings = {"WAGGLE_CONTROL_TESTING": "1", "WAGGLE_CONTROL_MOVE_PAUSES": str(pauses.folder)}
    platform = Platform(folder / "home", port, settings)
    await asyncio.to_thread(platform.up, len(CELLS))
    try:
        yield Matrix(platform, pauses, Databases(platform.home))
    finally:
        with suppress(OSError):
            pauses.release_all()
        await asyncio.to_thread(platform.down)
