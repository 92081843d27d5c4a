"""Posting through WebSockets: people who each say one thing after another and wait for the reply to it."""

import asyncio
import json
import time

import websockets

from bench.crowd import Crowd
from bench.report import Report
from bench.setting import Setting

SENDERS = 32
LASTS_S = 10.0


async def measure(setting: Setting, report: Report) -> None:
    """Each in a channel of their own, so that nobody's events are counted to another's post."""
    crowd = Crowd(setting)
    people = [await crowd.person(f"S{number}") for number in range(SENDERS)]
    tokens = await crowd.tokens(people)
    channels = [setting.channel(f"bench-saying-{number}") for number in range(SENDERS)]
    for channel, person in zip(channels, people, strict=True):
        await crowd.join(channel, [person])
    urls = [setting.call_as(token, "rtm.connect")["url"] for token in tokens]
    until_s = time.perf_counter() + LASTS_S
    took = await asyncio.gather(*(_say(url, channel, until_s) for url, channel in zip(urls, channels, strict=True)))
    latencies_ms = sorted(one for each in took for one in each)
    report.add(f"posts/s through WebSockets, {SENDERS} senders", len(latencies_ms) / LASTS_S, "1/s")
    report.add(f"post p50, {SENDERS} senders", latencies_ms[len(latencies_ms) // 2], "ms")
    report.add(f"post p99, {SENDERS} senders", latencies_ms[int(len(latencies_ms) * 0.99)], "ms")


async def _say(url: str, channel: str, until_s: float) -> list[float]:
    took: list[float] = []
    async with websockets.connect(url, compression=None) as socket:
        await socket.recv()  # hello
        while (began_s := time.perf_counter()) < until_s:
            number = len(took) + 1
            await socket.send(json.dumps({"id": number, "type": "message", "channel": channel, "text": "said on a socket"}))
            while (answer := json.loads(await socket.recv())).get("reply_to") != number:
                continue
            if not answer["ok"]:
                raise RuntimeError(f"refused: {answer}")
            took.append(1000 * (time.perf_counter() - began_s))
    return took
