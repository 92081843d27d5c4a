"""What is said once and not kept: from one person's typing, or going away, to 200 sockets."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench.crowd import Crowd
from bench.receive import Receiver, receiver
from bench.report import Report
from bench.setting import Setting

RECEIVERS = 200
TYPISTS = 20
ROUNDS = 10
EVERY_S = 3.1
"""News of one typist in one channel goes out once in three seconds."""
P99_MS_MAX = 300.0
PATIENCE_S = 5.0


@dataclass
class News:
    """When each receiver heard what is looked for; `since_s` is when it was said, by the user it is about."""

    kind: bytes = b"\0"
    since_s: dict[bytes, float] = field(default_factory=dict)
    latencies_s: list[float] = field(default_factory=list)

    def on_text(self, text: bytes) -> None:
        if self.kind not in text:
            return
        heard_s = time.perf_counter()
        user = json.loads(text).get("user", "").encode()
        if user in self.since_s:
            self.latencies_s.append(heard_s - self.since_s[user])

    def quantile_ms(self, share: float) -> float:
        ranked = sorted(self.latencies_s)
        return 1000 * ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else float("inf")


async def measure(setting: Setting, report: Report) -> None:
    crowd = Crowd(setting)
    people = await crowd.people(RECEIVERS + TYPISTS)
    channel = setting.channel("bench-passing")
    await crowd.join(channel, people)
    tokens = await crowd.tokens(people)
    news = News()
    listeners = [await connect(setting, token, news) for token in tokens[:RECEIVERS]]
    typists = [await connect(setting, token, News()) for token in tokens[RECEIVERS:]]
    actors: dict[str, str] = dict(zip(people[RECEIVERS:], tokens[RECEIVERS:], strict=True))
    await measure_typing(report, news, channel, dict(zip(actors, typists, strict=True)))
    await measure_presence(setting, report, news, listeners, actors)
    for line in (*listeners, *typists):
        line.transport.close()


async def connect(setting: Setting, token: str, news: News) -> Receiver:
    url = urlsplit((await asyncio.to_thread(setting.call_as, token, "rtm.connect"))["url"])
    return await receiver("127.0.0.1", setting.port, url.path, news.on_text)


async def measure_typing(report: Report, news: News, channel: str, typists: dict[str, Receiver]) -> None:
    news.kind = b'"user_typing"'
    frame = json.dumps({"type": "typing", "channel": channel}).encode()
    for turn in range(ROUNDS):
        for user, line in typists.items():
            news.since_s[user.encode()] = time.perf_counter()
            line.send_text(frame)
            await asyncio.sleep(EVERY_S / len(typists))
        await heard(news, (turn + 1) * len(typists) * RECEIVERS)
    say(report, "typing", news, ROUNDS * len(typists) * RECEIVERS)


async def measure_presence(setting: Setting, report: Report, news: News, listeners: list[Receiver], actors: dict[str, str]) -> None:
    """From just before `users.setPresence` is sent to the frame at each of those who follow."""
    for line in listeners:
        line.send_text(json.dumps({"type": "presence_sub", "ids": list(actors)}).encode())
    await asyncio.sleep(1.0)
    news.kind, news.latencies_s, news.since_s = b'"presence_change"', [], {}
    for turn in range(ROUNDS):
        for user, token in actors.items():
            news.since_s[user.encode()] = time.perf_counter()
            await asyncio.to_thread(setting.call_as, token, "users.setPresence", presence=("away", "auto")[turn % 2])
            await asyncio.sleep(0.1)
        await heard(news, (turn + 1) * len(actors) * RECEIVERS)
    say(report, "presence", news, ROUNDS * len(actors) * RECEIVERS)


async def heard(news: News, count: int) -> None:
    """Until so many came, or PATIENCE_S are over."""
    give_up_s = time.perf_counter() + PATIENCE_S
    while len(news.latencies_s) < count and time.perf_counter() < give_up_s:  # noqa: ASYNC110 - an Event for each frame would be measured too
        await asyncio.sleep(0.02)


def say(report: Report, what: str, news: News, expected: int) -> None:
    detail = f"{len(news.latencies_s)} of {expected} heard, {RECEIVERS} receivers"
    report.add(f"{what} p50, {RECEIVERS} receivers", news.quantile_ms(0.5), "ms", detail=detail)
    report.add(f"{what} p99, {RECEIVERS} receivers", news.quantile_ms(0.99), "ms", at_most=P99_MS_MAX)
