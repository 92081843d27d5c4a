"""Does size cost? A channel of 50,000 members, 5,000 of them connected, against one of ten, in the same run."""

import asyncio
import itertools
import json
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench.crowd import Crowd
from bench.load import NextRequest, Tally, closed_loop, http_request
from bench.receive import Receiver, receiver
from bench.report import Report
from bench.setting import Setting

MEMBERS = 50_000
CONNECTED = int(os.environ.get("WAGGLE_BENCH_LARGE_CONNECTED", "5000"))
CHANNELS = 500
MESSAGES_EACH = 40
CONNECTING_AT_ONCE = 32
ROUNDS, ROUND_S = 3, 2.0
SPREAD_MS_MAX = 250.0
DELIVERIES = 20
PATIENCE_S = 10.0


async def measure(setting: Setting, report: Report) -> None:
    crowd = Crowd(setting)
    people = await crowd.people(MEMBERS)
    small, large = setting.channel("large-ten"), setting.channel("large-fifty-thousand")
    await crowd.join(small, people[:9])
    await crowd.join(large, people[: MEMBERS - 1])
    await crowd.analyze()
    await compare_posts(setting, report, small, large, "nobody connected")
    await compare_joins(setting, report, crowd, small, large)
    await measure_counts(setting, report, crowd)
    tokens = await crowd.tokens(people[:CONNECTED])
    await measure_connected(setting, report, tokens, small, large)


async def compare_posts(setting: Setting, report: Report, small: str, large: str, when: str) -> None:
    """Small and large take turns, so that neither has the warmer half of the run."""
    tallies = await taking_turns(setting, {"10": posting(setting, small), "50,000": posting(setting, large)})
    for name, tally in tallies.items():
        report.add(f"post p50, {name} members, {when}", tally.quantile_ms(0.5), "ms", detail=_failed(tally))
        report.add(f"post p99, {name} members, {when}", tally.quantile_ms(0.99), "ms")
    report.add(f"post p50, 50,000 to 10 members, {when}", ratio(tallies), "x")


async def compare_joins(setting: Setting, report: Report, crowd: Crowd, small: str, large: str) -> None:
    newcomer = (await crowd.tokens([await crowd.person("newcomer")]))[0]
    turns = {"10": coming_and_going(setting, newcomer, small), "50,000": coming_and_going(setting, newcomer, large)}
    tallies = await taking_turns(setting, turns)
    for name, tally in tallies.items():
        report.add(f"join or leave p50, {name} members", tally.quantile_ms(0.5), "ms", detail=_failed(tally))
    report.add("join or leave p50, 50,000 to 10 members", ratio(tallies), "x")


async def measure_counts(setting: Setting, report: Report, crowd: Crowd) -> None:
    """Asked again, and asked after each change: the first is found in Redis, the second counted."""
    reader = await crowd.person("reader")
    await crowd.channels(CHANNELS, reader, MESSAGES_EACH)
    await crowd.analyze()
    token = (await crowd.tokens([reader]))[0]
    ask = http_request("/api/client.counts", setting.host, token)
    again = await closed_loop("127.0.0.1", setting.port, 1, ROUND_S, lambda _: ask)
    report.add(f"client.counts p50, {CHANNELS} channels, nothing new", again.quantile_ms(0.5), "ms", detail=_failed(again))
    channel = setting.channel("large-news")
    requests = itertools.cycle((http_request("/api/chat.postMessage", setting.host, setting.owner, _body(channel=channel, text="x")), ask))
    both = await closed_loop("127.0.0.1", setting.port, 1, ROUND_S, lambda _: next(requests))
    counted = Tally(both.latencies_s[1::2], both.failures, both.first_failure, both.elapsed_s)
    report.add(f"client.counts p50, {CHANNELS} channels, counted", counted.quantile_ms(0.5), "ms", detail=_failed(both))
    report.add(f"client.counts p99, {CHANNELS} channels, counted", counted.quantile_ms(0.99), "ms")


@dataclass
class Arrivals:
    """When each receiver got the message that is looked for."""

    wanted: bytes = b"\0"
    receivers: int = 0
    at_s: list[float] = field(default_factory=list)
    everyone: asyncio.Event = field(default_factory=asyncio.Event)

    def on_text(self, text: bytes) -> None:
        if self.wanted in text:
            self.at_s.append(time.perf_counter())
            if len(self.at_s) == self.receivers:
                self.everyone.set()

    def expect(self, words: str, receivers: int) -> None:
        self.wanted, self.receivers = words.encode(), receivers
        self.at_s.clear()
        self.everyone.clear()


async def measure_connected(setting: Setting, report: Report, tokens: list[str], small: str, large: str) -> None:
    arrivals = Arrivals()
    lines = await connect(setting, tokens, arrivals)
    closed = Counter(line.closed.result() for line in lines if line.closed.done())
    lines = [line for line in lines if not line.closed.done()]
    spreads, firsts = [], []
    for number in range(DELIVERIES):
        spread_ms, first_ms = await deliver(setting, large, arrivals, f"large delivery {number};", len(lines))
        spreads.append(spread_ms)
        firsts.append(first_ms)
    first = sorted(firsts)[len(firsts) // 2]
    detail = f"median of {DELIVERIES}; worst {max(spreads):.0f} ms; first receiver {first:.1f} ms after the post was sent"
    if closed:
        detail += f"; {closed.total()} SOCKETS WERE CLOSED before, with codes {dict(closed)}"
    middle = sorted(spreads)[len(spreads) // 2]
    report.add(f"first to last of {len(lines)} connected members", middle, "ms", at_most=SPREAD_MS_MAX, detail=detail)
    await compare_posts_slowly(setting, report, small, large, len(lines))
    for line in lines:
        line.transport.close()


async def deliver(setting: Setting, channel: str, arrivals: Arrivals, words: str, receivers: int) -> tuple[float, float]:
    """(first to last receiver, post to first receiver), in milliseconds."""
    arrivals.expect(words, receivers)
    sent_s = time.perf_counter()
    await asyncio.to_thread(setting.call, "chat.postMessage", channel=channel, text=words)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await arrivals.everyone.wait()
    except TimeoutError as error:
        raise RuntimeError(f"{len(arrivals.at_s)} of {receivers} got {words!r} within {PATIENCE_S:g} s") from error
    return 1000 * (arrivals.at_s[-1] - arrivals.at_s[0]), 1000 * (arrivals.at_s[0] - sent_s)


async def compare_posts_slowly(setting: Setting, report: Report, small: str, large: str, connected: int) -> None:
    """A post every quarter of a second: faster, and what is measured is this process reading 5,000 sockets."""
    latencies: dict[str, list[float]] = {"10": [], "50,000": []}
    for _ in range(DELIVERIES):
        for name, channel in (("10", small), ("50,000", large)):
            started_s = time.perf_counter()
            await asyncio.to_thread(setting.call, "chat.postMessage", channel=channel, text="slowly")
            latencies[name].append(time.perf_counter() - started_s)
            await asyncio.sleep(0.25)
    tallies = {name: Tally(found) for name, found in latencies.items()}
    for name, tally in tallies.items():
        report.add(f"post p50, {name} members, {connected} of the large connected", tally.quantile_ms(0.5), "ms")
    report.add(f"post p50, 50,000 to 10 members, {connected} connected", ratio(tallies), "x")


async def connect(setting: Setting, tokens: list[str], arrivals: Arrivals) -> list[Receiver]:
    slots = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def one(token: str) -> Receiver:
        async with slots:
            url = urlsplit((await asyncio.to_thread(setting.call_as, token, "rtm.connect"))["url"])
            return await receiver("127.0.0.1", setting.port, f"{url.path}?{url.query}" if url.query else url.path, arrivals.on_text)

    return list(await asyncio.gather(*(one(token) for token in tokens)))


async def taking_turns(setting: Setting, turns: dict[str, NextRequest]) -> dict[str, Tally]:
    tallies = {name: Tally() for name in turns}
    for _ in range(ROUNDS):
        for name, next_request in turns.items():
            tally = await closed_loop("127.0.0.1", setting.port, 1, ROUND_S, next_request)
            tallies[name].latencies_s += tally.latencies_s
            tallies[name].failures += tally.failures
            tallies[name].first_failure = tallies[name].first_failure or tally.first_failure
    return tallies


def posting(setting: Setting, channel: str) -> NextRequest:
    request = http_request("/api/chat.postMessage", setting.host, setting.owner, _body(channel=channel, text="hello, all of you"))
    return lambda _: request


def coming_and_going(setting: Setting, token: str, channel: str) -> Callable[[int], bytes]:
    methods = itertools.cycle(("conversations.join", "conversations.leave"))
    return lambda _: http_request(f"/api/{next(methods)}", setting.host, token, _body(channel=channel))


def ratio(tallies: dict[str, Tally]) -> float:
    return tallies["50,000"].quantile_ms(0.5) / tallies["10"].quantile_ms(0.5)


def _body(**arguments: str) -> bytes:
    return json.dumps(arguments).encode()


def _failed(tally: Tally) -> str:
    return f"{tally.failures} FAILED: {tally.first_failure}" if tally.failures else f"{len(tally.latencies_s)} measured"
