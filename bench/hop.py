"""What the edge adds: the same method of the same workload over the same database, with and without a proxy in front.

Straight: the cell's app under Hypercorn, no proxy (`bench.peers.straight`). Then the same through Waggle's edge and tunnel, and
through the plain Starlette + httpx proxy in front of straight. Ratio and added latency come from one run on one machine.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import psutil

from bench.load import Tally, closed_loop, http_request
from bench.processes import own
from bench.report import Report
from bench.setting import Setting
from control_plane.provision.processes import free_port
from tests.harness.eventually import eventually

METHOD = "api.test"
SECONDS = 5.0
ROUNDS = 3


@dataclass(frozen=True)
class Way:
    """One way to the workload: where it listens, and the process whose CPU is the proxy's."""

    name: str
    port: int
    proxy_pid: int


@dataclass(frozen=True)
class Round:
    tally: Tally
    proxy_cpu_us: float
    """CPU of the proxy process for one request, in microseconds."""


async def measure(setting: Setting, report: Report) -> None:
    database_url = psutil.Process(setting.pids()["cell"]).environ()["WAGGLE_CELL_DATABASE_URL"]
    async with AsyncExitStack() as stack:
        straight = await stack.enter_async_context(peer("bench.peers.straight", database_url))
        plain = await stack.enter_async_context(peer("bench.peers.httpx_proxy", f"http://127.0.0.1:{straight.port}"))
        waggle = Way("waggle", setting.port, setting.pids()["router"])
        for clients in (1, 32):
            rounds = {way.name: [await one_round(setting, way, clients) for _ in range(ROUNDS)] for way in (straight, waggle, plain)}
            compare(report, clients, *(middle(rounds[way.name]) for way in (straight, waggle, plain)))
            spread = ", ".join(f"{name} {'/'.join(f'{r.tally.per_s:.0f}' for r in found)}" for name, found in rounds.items())
            report.add(f"rounds of {METHOD}, {clients} clients", ROUNDS, "rounds", detail=f"req/s each: {spread}")


def compare(report: Report, clients: int, straight: Round, waggle: Round, plain: Round) -> None:
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        bar = 1.0 if (clients, share) == (1, 0.5) else None
        added_ms = waggle.tally.quantile_ms(share) - straight.tally.quantile_ms(share)
        detail = f"edge {waggle.tally.quantile_ms(share):.2f}, straight {straight.tally.quantile_ms(share):.2f} ms"
        detail += f"; httpx proxy adds {plain.tally.quantile_ms(share) - straight.tally.quantile_ms(share):.2f}"
        report.add(f"added latency {name}, {clients} in flight", added_ms, "ms", at_most=bar, detail=detail)
    if clients == 1:
        return
    rates = f"edge {waggle.tally.per_s:.0f}/s, httpx proxy {plain.tally.per_s:.0f}/s, straight {straight.tally.per_s:.0f}/s"
    report.add("req/s against httpx proxy", waggle.tally.per_s / plain.tally.per_s, "x", at_least=5, detail=rates)
    costs = f"edge {waggle.proxy_cpu_us:.0f} us, httpx proxy {plain.proxy_cpu_us:.0f} us"
    report.add("CPU a request against httpx proxy", plain.proxy_cpu_us / waggle.proxy_cpu_us, "x", at_least=5, detail=costs)


async def one_round(setting: Setting, way: Way, clients: int) -> Round:
    request = http_request(f"/api/{METHOD}", f"127.0.0.1:{way.port}", setting.owner, b"{}")
    before_s = own(way.proxy_pid).cpu_s
    tally = await closed_loop("127.0.0.1", way.port, clients, SECONDS, lambda _: request)
    if tally.failures:
        raise RuntimeError(f"{way.name}: {tally.failures} requests failed: {tally.first_failure}")
    return Round(tally, 1e6 * (own(way.proxy_pid).cpu_s - before_s) / len(tally.latencies_s))


def middle(rounds: list[Round]) -> Round:
    return sorted(rounds, key=lambda found: found.tally.per_s)[len(rounds) // 2]


@asynccontextmanager
async def peer(module: str, argument: str) -> AsyncIterator[Way]:
    """Run `python -m module PORT ARGUMENT` until the block ends."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", module, str(port), argument])  # noqa: ASYNC220 - starts once, before anything is measured
    try:
        await eventually(lambda: _answers(port), within_s=30)
        yield Way(module.rpartition(".")[2], port, process.pid)
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 15)


async def _answers(port: int) -> bool:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    return True
