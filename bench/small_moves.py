"""How many small workspaces move in an hour, four at a time, and how long each takes from the order to the last row cleared away."""

import asyncio
import os
import time

import psutil

from bench.crowd import Crowd
from bench.moving.orders import Orders, orders
from bench.processes import spent
from bench.report import Report, quantile
from bench.setting import Setting

SECONDS = float(os.environ.get("WAGGLE_BENCH_SMALL_SECONDS", "90"))
AT_ONCE = 4
WORKSPACES_EACH = 2
PEOPLE, CHANNELS, MESSAGES_EACH = 100, 10, 165
"""Together with members, mentions and what a new workspace has: some 2,000 rows."""
AN_HOUR_MIN = 1_000
P95_S_MAX = 2.0


async def measure(setting: Setting, report: Report) -> None:
    workspaces = [await _small(setting, number) for number in range(AT_ONCE * WORKSPACES_EACH)]
    took_s: list[float] = []
    rows: list[int] = []
    moves: list[str] = []
    supervisor = psutil.Process(setting.platform.pid("router")).ppid()
    async with orders(setting) as control:
        began_s, before_s = time.monotonic(), spent(supervisor)
        runners = [workspaces[number::AT_ONCE] for number in range(AT_ONCE)]
        await asyncio.gather(*(_run(control, mine, began_s + SECONDS, took_s, rows, moves) for mine in runners))
        lasted_s, cpu_s = time.monotonic() - began_s, spent(supervisor) - before_s
        waited_s = [float((await control.facts(move_id))["waited_s"]) for move_id in moves]
    detail = f"{len(took_s)} moves in {lasted_s:.0f} s, {AT_ONCE} at a time, {min(rows)} to {max(rows)} rows"
    report.add("small moves an hour", 3600 * len(took_s) / lasted_s, "", at_least=AN_HOUR_MIN, detail=detail)
    report.add("small move, CPU of all processes", 1000 * cpu_s / len(took_s), "ms", detail="and of what they do beside it")
    report.add("small move, end to end p95", quantile(took_s, 0.95), "s", at_most=P95_S_MAX, detail=f"p50 {quantile(took_s, 0.5):.2f} s")
    ran_s = [took - waited for took, waited in zip(took_s, waited_s, strict=True)]
    report.add("small move, once it has its turn p95", quantile(ran_s, 0.95), "s", detail="four share the machine")


async def _run(control: Orders, workspaces: list[str], until_s: float, took_s: list[float], rows: list[int], moves: list[str]) -> None:
    """One after the other, there and back again."""
    number = 0
    while time.monotonic() < until_s:
        workspace, there = workspaces[number % len(workspaces)], number // len(workspaces) % 2 == 0
        move = await control.move(workspace, "cell-2" if there else "cell-1")
        took_s.append(move.duration_s)
        rows.append(move.rows)
        moves.append(move.move_id)
        number += 1


async def _small(setting: Setting, number: int) -> str:
    made = await asyncio.to_thread(setting.platform.workspace, f"small-{number}", "cell-1")
    crowd = Crowd(Setting(setting.platform, made["tokens"]["owner"], made["tokens"]["bot"], "cell-1"))
    people = await crowd.people(PEOPLE)
    await crowd.channels(CHANNELS, people[0], MESSAGES_EACH)
    return crowd.workspace
