"""What a move costs the people of a workspace: moves there and back while it is written to and listened to, and what its clients saw."""

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.moving.orders import Orders, orders
from bench.moving.traffic import RATE_PER_S, Traffic, traffic
from bench.report import Report, quantile
from bench.setting import Setting

MOVES = int(os.environ.get("WAGGLE_BENCH_MOVES", "200"))
MOVES_EACH = 20
"""Of one workspace: at 150 posts a second its rows would become what is measured."""
WITHOUT_S = 20.0
"""Of the same load without moves, once for each workspace would say no more."""
SETTLE_S = 1.0


@dataclass
class Seen:
    """By clients and by the control plane."""

    across_ms: list[float] = field(default_factory=list)
    """The longest post that was under way between the order to freeze and the opening, by move."""
    whole_ms: list[float] = field(default_factory=list)
    """The longest post from a move's start to its end."""
    ordered_ms: list[float] = field(default_factory=list)
    parts_ms: dict[str, list[float]] = field(default_factory=dict)
    after_ms: list[float] = field(default_factory=list)
    """From the opening to the answer of the last post that was held."""
    duration_s: list[float] = field(default_factory=list)
    rows_max: int = 0
    posted: int = 0
    failed: list[str] = field(default_factory=list)
    closed: int = 0
    wrong: list[str] = field(default_factory=list)


async def measure(setting: Setting, report: Report) -> None:
    seen, without = Seen(), Seen()
    async with orders(setting) as control:
        for number in range(-(-MOVES // MOVES_EACH)):
            flow = await traffic(setting, f"moved-{number}")
            try:
                if number == 0:
                    await _unmoved(flow, without)
                await _moved(control, flow, min(MOVES_EACH, MOVES - number * MOVES_EACH), seen)
            finally:
                await flow.close()
    show(report, seen, without)


async def _unmoved(flow: Traffic, seen: Seen) -> None:
    """The same load for a while, in pieces as long as a move, so that the longest of each can be compared."""
    async with flow.flowing():
        await asyncio.sleep(SETTLE_S)
        for _ in range(int(WITHOUT_S)):
            began_us = now_us()
            await asyncio.sleep(1.0)
            seen.whole_ms.append(flow.longest_ms(began_us, now_us()))
    await _judged(flow, seen)


async def _moved(control: Orders, flow: Traffic, count: int, seen: Seen) -> None:
    moves, windows = [], []
    before = flow.acknowledged
    async with flow.flowing():
        await asyncio.sleep(SETTLE_S)
        for number in range(count):
            began_us = now_us()
            moves.append(await control.move(flow.workspace, "cell-1" if number % 2 else "cell-2"))
            windows.append((began_us, now_us()))
    for move, (began_us, ended_us) in zip(moves, windows, strict=True):
        _add(seen, flow, await control.facts(move.move_id))
        seen.whole_ms.append(flow.longest_ms(began_us, ended_us))
        seen.ordered_ms.append(move.pause_ms)
        seen.duration_s.append(move.duration_s)
        seen.rows_max = max(seen.rows_max, move.rows)
    await _judged(flow, seen, before)


def _add(seen: Seen, flow: Traffic, facts: Mapping[str, Any]) -> None:
    sealed_us, opened_us = facts["sealed_us"], facts["opened_us"]
    held = flow.asked(sealed_us, opened_us)
    seen.across_ms.append(max((post.took_ms for post in held), default=0.0))
    seen.after_ms.append(max((post.ended_us - opened_us for post in held), default=0) / 1000)
    for part, part_ms in facts["parts_ms"].items():
        seen.parts_ms.setdefault(part, []).append(part_ms)


async def _judged(flow: Traffic, seen: Seen, before: int = 0) -> None:
    seen.wrong += await flow.wrong()
    seen.posted += flow.acknowledged - before
    seen.failed += flow.failed
    seen.closed += flow.closed


def show(report: Report, seen: Seen, without: Seen) -> None:
    moves, load = len(seen.across_ms), f"{RATE_PER_S:.0f} writes/s, 50 sockets"
    report.add("pause seen by a client, p50", quantile(seen.across_ms, 0.5), "ms", at_most=60, detail=f"{moves} moves, {load}")
    report.add("pause seen by a client, p99", quantile(seen.across_ms, 0.99), "ms", at_most=300)
    report.add("pause seen by a client, max", max(seen.across_ms), "ms", at_most=1000)
    report.add(
        "longest post of a whole move, p50", quantile(seen.whole_ms, 0.5), "ms", detail=f"p99 {quantile(seen.whole_ms, 0.99):.0f} ms"
    )
    still = f"p99 {quantile(without.whole_ms, 0.99):.0f} ms, {without.posted} posted"
    report.add("longest post of a second without moves, p50", quantile(without.whole_ms, 0.5), "ms", detail=still)
    report.add("order to freeze -> open elsewhere, p50", quantile(seen.ordered_ms, 0.5), "ms")
    report.add("order to freeze -> open elsewhere, p99", quantile(seen.ordered_ms, 0.99), "ms", detail=f"max {max(seen.ordered_ms):.0f} ms")
    for part, parts_ms in sorted(seen.parts_ms.items()):
        report.add(f"- of it {part}, p50", quantile(parts_ms, 0.5), "ms", detail=f"p99 {quantile(parts_ms, 0.99):.0f} ms")
    report.add("open elsewhere -> the last held post answered, p50", quantile(seen.after_ms, 0.5), "ms")
    report.add("move, end to end p95", quantile(seen.duration_s, 0.95), "s", detail=f"up to {seen.rows_max} rows")
    more = len(seen.failed) - len(without.failed)
    report.add("failed posts, more than without moves", more, "", at_most=0, detail=(seen.failed or [f"{seen.posted} posted"])[0][:80])
    report.add("sockets closed", seen.closed, "", at_most=0)
    said = (seen.wrong or ["history and every socket read back"])[0][:80]
    report.add("posts lost, doubled or reordered", len(seen.wrong), "", at_most=0, detail=said)


def now_us() -> int:
    return time.time_ns() // 1000
