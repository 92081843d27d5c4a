"""A move taken back after 10,000 writes in the new cell: what it costs its people, and whether every write came along."""

import os

from bench.moving.orders import Orders, orders
from bench.moving.traffic import RATE_PER_S, Traffic, traffic
from bench.report import Report
from bench.setting import Setting

ROUNDS = int(os.environ.get("WAGGLE_BENCH_ROLLBACKS", "3"))
WRITES = 10_000
WINDOW_S = 900.0


async def measure(setting: Setting, report: Report) -> None:
    paused_ms: list[float] = []
    ordered_ms: list[float] = []
    wrong: list[str] = []
    failed: list[str] = []
    async with orders(setting) as control:
        for number in range(ROUNDS):
            flow = await traffic(setting, f"rolled-back-{number}")
            try:
                paused, ordered = await _there_and_back(control, flow)
                paused_ms.append(paused)
                ordered_ms.append(ordered)
                wrong += await flow.wrong()
                failed += flow.failed
            finally:
                await flow.close()
    load = f"{ROUNDS} rollbacks after {WRITES:,} writes, at {RATE_PER_S:.0f} writes/s"
    report.add("rollback, pause seen by a client, max", max(paused_ms), "ms", at_most=300, detail=load)
    report.add("rollback, order to freeze -> open again, max", max(ordered_ms), "ms")
    report.add("rollback, failed posts", len(failed), "", at_most=0, detail=(failed or [""])[0][:80])
    said = (wrong or ["history and every socket read back"])[0][:80]
    report.add("rollback, posts lost, doubled or reordered", len(wrong), "", at_most=0, detail=said)


async def _there_and_back(control: Orders, flow: Traffic) -> tuple[float, float]:
    """(the longest post across the way back, from the order to freeze to the opening), in ms."""
    move = await control.until((await control.start(flow.workspace, "cell-2", WINDOW_S)).move_id, "window")
    await flow.burst(WRITES)
    async with flow.flowing():
        await control.rollback(move.move_id)
        await control.until(move.move_id, "rolled_back")
    facts = await control.facts(move.move_id)
    return flow.longest_ms(facts["sealed_us"], facts["opened_us"]), float(facts["back_pause_ms"])
