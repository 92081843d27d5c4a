"""Reading back: pages of 100 of conversations.history in a workspace with a million messages, 8 clients, through the edge."""

import os
import random
import time
from collections.abc import Iterator
from itertools import islice

import asyncpg

from bench.crowd import Crowd
from bench.load import NextRequest, closed_loop, http_request
from bench.processes import own
from bench.report import Report
from bench.setting import Setting

MESSAGES = int(os.environ.get("WAGGLE_BENCH_MESSAGES", "1000000"))
CHANNELS, PEOPLE = 40, 200
DAYS = 50
CLIENTS, SECONDS = 8, 10.0
PAGE = 100
COPY_ROWS = 50_000
WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "while",
    "release",
    "notes",
    "wait",
    "for",
    "review",
    "and",
    "nobody",
    "knows",
    "why",
    "it",
    "broke",
]
COLUMNS = ("workspace_id", "channel_id", "ts_us", "user_id", "text", "thread_us", "parent_user_id", "broadcast")
Row = tuple[str, str, int, str, str, int | None, str | None, bool]


async def measure(setting: Setting, report: Report) -> None:
    crowd = Crowd(setting)
    channels = [setting.channel(f"bench-history-{number}") for number in range(CHANNELS)]
    people = [str(person) for person in await crowd.people(PEOPLE)]
    started_s = time.perf_counter()
    connection = await asyncpg.connect(crowd.url)
    try:
        span_us = await _fill(connection, str(crowd.workspace), channels, people)
    finally:
        await connection.close()
    report.add("messages loaded by COPY", MESSAGES / (time.perf_counter() - started_s), "rows/s", detail=f"{MESSAGES:,} rows")
    for name, next_request in _reads(setting, channels, span_us).items():
        await closed_loop("127.0.0.1", setting.port, CLIENTS, 2.0, next_request)
        before = {process: own(pid).cpu_s for process, pid in setting.pids().items()}
        tally = await closed_loop("127.0.0.1", setting.port, CLIENTS, SECONDS, next_request)
        count = max(1, len(tally.latencies_s))
        spent = ", ".join(f"{p} {1e6 * (own(pid).cpu_s - before[p]) / count:.0f} us" for p, pid in setting.pids().items())
        detail = f"{tally.failures} FAILED: {tally.first_failure}" if tally.failures else f"{tally.per_s:.0f}/s; CPU a page: {spent}"
        report.add(f"history page of {PAGE}, {name}, p50", tally.quantile_ms(0.5), "ms", detail=detail)
        report.add(f"history page of {PAGE}, {name}, p99", tally.quantile_ms(0.99), "ms", at_most=25)


async def _fill(
    connection: "asyncpg.Connection[asyncpg.Record]", workspace: str, channels: list[str], people: list[str]
) -> tuple[int, int]:
    """Returns the times between which they lie."""
    last_us = time.time_ns() // 1_000 - 60_000_000
    first_us = last_us - DAYS * 86_400_000_000
    rows = _rows(workspace, channels, people, first_us, (last_us - first_us) // MESSAGES)
    while batch := list(islice(rows, COPY_ROWS)):
        await connection.copy_records_to_table("messages", records=batch, columns=COLUMNS)
    await connection.execute(
        "INSERT INTO reactions (workspace_id, channel_id, ts_us, name, user_id, created_us)"
        " SELECT workspace_id, channel_id, ts_us, 'eyes', $2, ts_us FROM messages WHERE workspace_id = $1 AND ts_us % 20 = 0",
        workspace,
        people[0],
    )
    await connection.execute("ANALYZE messages, reactions, channels, members")
    return first_us, last_us


def _rows(workspace: str, channels: list[str], people: list[str], first_us: int, step_us: int) -> Iterator[Row]:
    """One in eight is a reply to the message before it in its channel."""
    chance = random.Random(5)
    roots: dict[str, tuple[int, str]] = {}
    for number in range(MESSAGES):
        channel, author, at_us = chance.choice(channels), chance.choice(people), first_us + number * step_us
        text = " ".join(chance.choices(WORDS, k=chance.randrange(4, 24)))
        root = roots.get(channel) if number % 8 == 0 else None
        if root is None:
            roots[channel] = (at_us, author)
        yield workspace, channel, at_us, author, text, root[0] if root else None, root[1] if root else None, False


def _reads(setting: Setting, channels: list[str], span_us: tuple[int, int]) -> dict[str, NextRequest]:
    chance = random.Random(6)

    def request(**more: str) -> bytes:
        fields = "".join(f',"{name}":"{value}"' for name, value in more.items())
        body = f'{{"channel":"{chance.choice(channels)}","limit":{PAGE}{fields}}}'
        return http_request("/api/conversations.history", setting.host, setting.owner, body.encode())

    def anywhere(_: int) -> bytes:
        at_us = chance.randrange(*span_us)
        return request(latest=f"{at_us // 1_000_000}.{at_us % 1_000_000:06d}")

    return {"the latest": lambda _: request(), "anywhere": anywhere}
