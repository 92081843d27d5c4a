"""What sockets cost: deliveries to 200 receivers in one channel; memory of idle sockets, and the CPU of their heartbeats."""

import asyncio
import json
import os
import time

from bench import large
from bench.load import http_request, open_loop
from bench.processes import own
from bench.receive import Receiver, receiver
from bench.report import Report
from bench.setting import Setting

RECEIVERS = 200
IDLE = int(os.environ.get("WAGGLE_BENCH_IDLE_SOCKETS", "10000"))
"""Two descriptors each, one here and one in the router: `ulimit -n` must be above it."""
HEARTBEATS_S = 60.0
"""Two rounds of pings."""
RATES_PER_S = (20, 60, 100, 140, 180, 220, 260)
SECONDS = 5.0
P99_LIMIT_MS = 250.0
_SENT = b"sent:"


class Deliveries:
    """Latency of each delivery, from just before the post to the frame at the receiver: `sent:<ns>` is in the text."""

    def __init__(self) -> None:
        self.latencies_s: list[float] = []

    def on_text(self, text: bytes) -> None:
        place = text.find(_SENT)
        if place >= 0:
            sent_ns = int(text[place + len(_SENT) : place + len(_SENT) + 19])
            self.latencies_s.append((time.time_ns() - sent_ns) / 1e9)

    def quantile_ms(self, share: float) -> float:
        ranked = sorted(self.latencies_s)
        return 1000 * ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else float("inf")


async def connect(setting: Setting, count: int, deliveries: Deliveries) -> list[Receiver]:
    found: list[Receiver] = []
    for _ in range(count):
        target = setting.socket_target()
        found.append(await receiver("127.0.0.1", setting.port, target, deliveries.on_text))
    return found


async def measure(setting: Setting, report: Report) -> None:
    await measure_deliveries(setting, report)
    await measure_idle(setting, report)


async def measure_deliveries(setting: Setting, report: Report) -> None:
    channel = setting.channel("bench-sockets")
    deliveries = Deliveries()
    sockets = await connect(setting, RECEIVERS, deliveries)
    best = 0.0
    for rate_per_s in RATES_PER_S:
        deliveries.latencies_s.clear()
        started_s = time.perf_counter()
        posted = await post_steadily(setting, channel, rate_per_s)
        await arrived(deliveries, posted * RECEIVERS)
        elapsed_s = time.perf_counter() - started_s
        p99_ms = deliveries.quantile_ms(0.99)
        reached = len(deliveries.latencies_s) / elapsed_s
        if rate_per_s == RATES_PER_S[0]:
            report.add("delivery p50, 200 receivers, 20 msg/s", deliveries.quantile_ms(0.5), "ms", at_most=10)
            report.add("delivery p99, 200 receivers, 20 msg/s", p99_ms, "ms", at_most=60)
        if p99_ms > P99_LIMIT_MS or len(deliveries.latencies_s) < posted * RECEIVERS:
            break
        if reached > best:
            best, best_p99_ms, best_rate = reached, p99_ms, rate_per_s
    detail = f"at {best_rate} msg/s to {RECEIVERS} receivers, p99 {best_p99_ms:.0f} ms" if best else "every rate passed the limit"
    report.add("deliveries/s until p99 passes 250 ms", best, "1/s", at_least=50_000, detail=detail)
    for socket in sockets:
        socket.transport.close()


async def post_steadily(setting: Setting, channel: str, rate_per_s: int) -> int:
    """Returns how many posts were acknowledged; raises RuntimeError when one was refused."""

    def next_request(_: int) -> bytes:
        body = f'{{"channel":"{channel}","text":"{_SENT.decode()}{time.time_ns()}"}}'.encode()
        return http_request("/api/chat.postMessage", setting.host, setting.owner, body)

    tally = await open_loop("127.0.0.1", setting.port, rate_per_s, SECONDS, next_request)
    if tally.failures:
        raise RuntimeError(f"{tally.failures} posts failed: {tally.first_failure}")
    return len(tally.latencies_s)


async def arrived(deliveries: Deliveries, expected: int) -> None:
    """Until all came, or nothing came for 2 s."""
    seen, quiet = -1, 0
    while len(deliveries.latencies_s) < expected and quiet < 20:
        quiet = quiet + 1 if seen == len(deliveries.latencies_s) else 0
        seen = len(deliveries.latencies_s)
        await asyncio.sleep(0.1)


async def measure_idle(setting: Setting, report: Report) -> None:
    pids = setting.pids()
    before = {name: own(pid).rss_bytes for name, pid in pids.items()}
    sockets = await large.connect(setting, [setting.owner] * IDLE, large.Arrivals())
    await asyncio.sleep(3)
    grown = {name: (own(pid).rss_bytes - before[name]) / IDLE / 1000 for name, pid in pids.items()}
    detail = (
        json.dumps({name: round(kilobytes, 1) for name, kilobytes in grown.items()}) + f" KB each; {count_open(sockets)} of {IDLE} open"
    )
    report.add("memory for each idle socket, router + cell", sum(grown.values()), "KB", at_most=25, detail=detail)
    await measure_heartbeats(pids["router"], sockets, report)
    for socket in sockets:
        socket.transport.close()


async def measure_heartbeats(router: int, sockets: list[Receiver], report: Report) -> None:
    """Nothing else is said meanwhile, so all that the router does is pings and pongs."""
    before_s, started_s = own(router).cpu_s, time.perf_counter()
    await asyncio.sleep(HEARTBEATS_S)
    share = (own(router).cpu_s - before_s) / (time.perf_counter() - started_s)
    detail = f"of a core, over {HEARTBEATS_S:.0f} s; {count_open(sockets)} of {len(sockets)} open at the end"
    report.add(f"router CPU with {len(sockets)} idle sockets", 100 * share, "%", at_most=10, detail=detail)


def count_open(sockets: list[Receiver]) -> int:
    return sum(not socket.closed.done() for socket in sockets)
