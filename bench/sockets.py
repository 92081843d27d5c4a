"""What sockets cost: deliveries to 200 receivers in one channel, and memory for each idle socket."""

import asyncio
import json
import time

from bench.load import http_request, open_loop
from bench.processes import own
from bench.receive import Receiver, receiver
from bench.report import Report
from bench.setting import Setting

RECEIVERS = 200
IDLE = 2000
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
            report.add("delivery p50, 200 receivers, 20 msg/s", deliveries.quantile_ms(0.5), "ms")
            report.add("delivery p99, 200 receivers, 20 msg/s", p99_ms, "ms")
        if p99_ms > P99_LIMIT_MS or len(deliveries.latencies_s) < posted * RECEIVERS:
            break
        if reached > best:
            best, best_p99_ms, best_rate = reached, p99_ms, rate_per_s
    detail = f"at {best_rate} msg/s to {RECEIVERS} receivers, p99 {best_p99_ms:.0f} ms" if best else "every rate passed the limit"
    report.add("deliveries/s until p99 passes 250 ms", best, "1/s", at_least=20_000, detail=detail)
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
    sockets = await connect(setting, IDLE, Deliveries())
    await asyncio.sleep(3)
    grown = {name: (own(pid).rss_bytes - before[name]) / IDLE / 1024 for name, pid in pids.items()}
    open_count = sum(not socket.closed.done() for socket in sockets)
    detail = json.dumps({name: round(kib, 1) for name, kib in grown.items()}) + f" KiB each; {open_count} of {IDLE} open"
    report.add("memory for each idle socket, router + cell", sum(grown.values()) * 1.024, "KB", at_most=40, detail=detail)
    for socket in sockets:
        socket.transport.close()
