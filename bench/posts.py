"""How many messages a workspace takes: chat.postMessage through the edge, at 1, 8 and 32 clients."""

from bench.load import closed_loop, posts
from bench.processes import own
from bench.report import Report
from bench.setting import Setting

SECONDS = 6.0


async def measure(setting: Setting, report: Report) -> None:
    channels = [setting.channel(f"bench-posts-{number}") for number in range(8)]
    await closed_loop("127.0.0.1", setting.port, 16, 2.0, posts(setting.host, setting.owner, channels, "warm"))
    for clients in (1, 8, 32):
        before = {name: own(pid).cpu_s for name, pid in setting.pids().items()}
        tally = await closed_loop("127.0.0.1", setting.port, clients, SECONDS, posts(setting.host, setting.owner, channels, "bench"))
        cost = {name: own(pid).cpu_s - before[name] for name, pid in setting.pids().items()}
        count = max(1, len(tally.latencies_s))
        detail = ", ".join(f"{name} {1e6 * spent / count:.0f} us" for name, spent in cost.items())
        if tally.failures:
            detail = f"{tally.failures} FAILED: {tally.first_failure}"
        bar = clients == 32
        report.add(f"posts/s, {clients} clients", tally.per_s, "1/s", at_least=1500 if bar else None, detail=f"CPU a post: {detail}")
        report.add(f"post p50, {clients} clients", tally.quantile_ms(0.5), "ms")
        report.add(f"post p99, {clients} clients", tally.quantile_ms(0.99), "ms", at_most=60 if bar else None)
