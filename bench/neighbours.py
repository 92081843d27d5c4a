"""What people who are not moved feel of moves: their p99 in both cells, with and without moves, in turns in one run."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.imports import write_export
from bench.load import http_request, open_loop
from bench.moving.orders import CALL_S_MAX, Orders, orders
from bench.report import Report, quantile
from bench.setting import Setting
from cells.runtime.ingress import Tally as VitalTally
from control_plane.provision.processes import free_port
from protos.admin.v1 import admin_pb2
from tests.harness.platform import Platform

ROUNDS = int(os.environ.get("WAGGLE_BENCH_NEIGHBOUR_ROUNDS", "4"))
ROUND_S = 20.0
RATE_PER_S = 30.0
"""Of each neighbour; every third request posts, the others read the channel."""
MOVED, MESSAGES_EACH = 4, int(os.environ.get("WAGGLE_BENCH_NEIGHBOUR_MESSAGES", "20000"))
RATIO_MAX, MORE_MS_MAX = 1.25, 10.0
UNPACED = "WAGGLE_BENCH_UNPACED"
"""Set: the same once more on a platform whose moves look at nobody."""
CELLS = ("cell-1", "cell-2")


@dataclass
class Felt:
    """By the neighbour in one cell: its p99 in each round, and every latency."""

    p99_ms: dict[bool, list[float]] = field(default_factory=lambda: {False: [], True: []})
    latencies_s: dict[bool, list[float]] = field(default_factory=lambda: {False: [], True: []})
    failed: int = 0

    def whole_ms(self, moving: bool) -> float:
        return 1000 * quantile(self.latencies_s[moving], 0.99)


@dataclass
class Moved:
    count: int = 0
    rows: int = 0
    waited: set[str] = field(default_factory=set)
    """Why a move waited or was slowed, as `waggle move list` said it."""


async def measure(setting: Setting, report: Report) -> None:
    await _measure(setting.platform, report, "")
    if os.environ.get(UNPACED):
        with _unpaced() as platform:
            await _measure(platform, report, ", not paced")
    report.add("vital signs, of each request", _note_ns(), "ns", detail="counted for the heartbeat")


async def _measure(platform: Platform, report: Report, how: str) -> None:
    neighbours = {cell: await _neighbour(platform, cell) for cell in CELLS}
    movers = await asyncio.to_thread(_fill, platform)
    felt, moved = {cell: Felt() for cell in CELLS}, Moved()
    async with orders(neighbours["cell-1"][0]) as control:
        await _round(neighbours, {cell: Felt() for cell in CELLS}, moving=False)  # warm
        for _ in range(ROUNDS):
            await _round(neighbours, felt, moving=False)
            stop = asyncio.Event()
            moving = [asyncio.create_task(_there_and_back(control, name, moved, stop)) for name in movers]
            await _round(neighbours, felt, moving=True)
            stop.set()
            await asyncio.gather(*moving)
    show(report, felt, moved, how)


async def _neighbour(platform: Platform, cell: str) -> tuple[Setting, str]:
    made = await asyncio.to_thread(platform.workspace, f"near-{cell}", cell)
    inside = Setting(platform, made["tokens"]["owner"], made["tokens"]["bot"], cell)
    return inside, await asyncio.to_thread(inside.channel, "here")


def _fill(platform: Platform) -> list[str]:
    """Workspaces to be moved, half of them in either cell, each with as many messages."""
    names = [f"mover-{number}" for number in range(MOVED)]
    with TemporaryDirectory(prefix="waggle-bench-neighbours-") as folder:
        export = Path(folder) / "export.zip"
        write_export(export, MESSAGES_EACH)
        for number, name in enumerate(names):
            platform.workspace(name, CELLS[number % 2])
            platform.waggle("workspace", "import", name, str(export), timeout_s=600)
    return names


async def _round(neighbours: dict[str, tuple[Setting, str]], felt: dict[str, Felt], *, moving: bool) -> None:
    async def one(cell: str, inside: Setting, channel: str) -> None:
        tally = await open_loop("127.0.0.1", inside.port, RATE_PER_S, ROUND_S, lambda number: _request(inside, channel, number))
        felt[cell].p99_ms[moving].append(tally.quantile_ms(0.99))
        felt[cell].latencies_s[moving] += tally.latencies_s
        felt[cell].failed += tally.failures

    await asyncio.gather(*(one(cell, *neighbour) for cell, neighbour in neighbours.items()))


def _request(inside: Setting, channel: str, number: int) -> bytes:
    if number % 3 == 0:
        body = f'{{"channel":"{channel}","text":"near {number}"}}'.encode()
        return http_request("/api/chat.postMessage", inside.host, inside.owner, body)
    return http_request("/api/conversations.history", inside.host, inside.owner, f'{{"channel":"{channel}","limit":20}}'.encode())


async def _there_and_back(control: Orders, name: str, moved: Moved, stop: asyncio.Event) -> None:
    """Moves of one workspace, one after the other, until it is told to stop; the last is carried out."""
    while not stop.is_set():
        here = (await control.stub.ShowWorkspace(admin_pb2.WorkspaceRef(workspace=name), timeout=CALL_S_MAX)).cell
        move_id = (await control.start(name, next(cell for cell in CELLS if cell != here))).move_id
        watching = asyncio.create_task(_watch(control, move_id, moved))
        try:
            ended = await control.until(move_id, "done", within_s=300)
        finally:
            watching.cancel()
        moved.count += 1
        moved.rows += ended.rows


async def _watch(control: Orders, move_id: str, moved: Moved) -> None:
    while True:
        if said := (await control.stub.ShowMove(admin_pb2.MoveRef(move=move_id), timeout=CALL_S_MAX)).waiting:
            moved.waited.add(said)
        await asyncio.sleep(0.5)


def show(report: Report, felt: dict[str, Felt], moved: Moved, how: str) -> None:
    for cell, one in felt.items():
        without, within = one.whole_ms(False), one.whole_ms(True)
        spread = {moving: f"rounds {min(each):.1f} to {max(each):.1f}, median {median(each):.1f}" for moving, each in one.p99_ms.items()}
        count, ratio = len(one.latencies_s[False]), within / without
        bar = None if how else max(without * RATIO_MAX, without + MORE_MS_MAX)
        report.add(f"neighbours' p99 on {cell}, without moves{how}", without, "ms", detail=f"{count} requests; {spread[False]}")
        report.add(f"neighbours' p99 on {cell}, with moves{how}", within, "ms", at_most=bar, detail=f"{ratio:.2f}x; {spread[True]}")
        report.add(f"neighbours' failed requests on {cell}{how}", one.failed, "", at_most=0)
    example = min(moved.waited, default="nothing", key=len)
    detail = f"{moved.rows} rows in {moved.count} moves; waited for: {example}"
    report.add(f"moves meanwhile{how}", moved.count / (ROUNDS * ROUND_S / 60), "1/min", detail=detail)


@contextmanager
def _unpaced() -> Iterator[Platform]:
    with TemporaryDirectory(prefix="waggle-bench-") as folder:
        platform = Platform(Path(folder) / "home", free_port(), {"WAGGLE_CONTROL_MOVE_PACE": "none"})
        platform.up(2)
        try:
            yield platform
        finally:
            platform.down()


def _note_ns() -> float:
    """Of 7 tries the best: the others were somebody else's."""
    tally, count, best_s = VitalTally(), 100_000, float("inf")
    for _ in range(7):
        began_s = time.perf_counter()
        for _ in range(count):
            tally.note(0.0123, False)
        best_s = min(best_s, time.perf_counter() - began_s)
    return best_s / count * 1e9
