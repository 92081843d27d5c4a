"""What a move costs the people of a workspace: moves back and forth while it is written, and what its clients saw."""

import asyncio
import statistics
import time
from dataclasses import dataclass, field
from typing import Any

from bench.report import Report
from bench.setting import Setting

MOVES = 20
WRITERS = 3
PACE_S = 0.02
"""Between two posts of a writer: 150 a second together."""
DONE_S_MAX = 60.0


@dataclass
class Ledger:
    """What the writers asked for and what they were answered; `latencies_s` since it was last emptied."""

    posted: int = 0
    failed: list[str] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)
    stop: bool = False


async def measure(setting: Setting, report: Report) -> None:
    channel, ledger = setting.channel("bench-moves"), Ledger()
    writers = [asyncio.create_task(asyncio.to_thread(_write, setting, channel, ledger)) for _ in range(WRITERS)]
    moves, longest_ms = [], []
    try:
        here, there = setting.cell, "cell-2" if setting.cell == "cell-1" else "cell-1"
        for _ in range(MOVES):
            ledger.latencies_s.clear()
            moves.append(await asyncio.to_thread(_move, setting, there))
            longest_ms.append(1000 * max(ledger.latencies_s, default=0.0))
            here, there = there, here
    finally:
        ledger.stop = True
        await asyncio.gather(*writers)
    pauses = [float(move["pause_ms"]) for move in moves]
    _quantiles(report, "move pause, in the control plane", pauses)
    _quantiles(report, "longest post during a move", longest_ms, bars=True)
    report.add(
        "move, end to end p95", _quantile([float(move["duration_s"]) for move in moves], 0.95), "s", detail=f"{moves[-1]['rows']} rows"
    )
    lost = ledger.posted - _stored(setting, channel)
    report.add("posts failed during moves", len(ledger.failed), "", at_most=0, detail=(ledger.failed or [f"{ledger.posted} posted"])[0])
    report.add("posts lost or doubled", abs(lost), "", at_most=0)


def _write(setting: Setting, channel: str, ledger: Ledger) -> None:
    while not ledger.stop:
        began_s = time.perf_counter()
        try:
            setting.call("chat.postMessage", channel=channel, text="written during a move")
            ledger.posted += 1
        except (OSError, RuntimeError) as error:
            ledger.failed.append(str(error))
        ledger.latencies_s.append(time.perf_counter() - began_s)
        time.sleep(PACE_S)


def _move(setting: Setting, cell: str) -> dict[str, Any]:
    workspace = setting.call("auth.test")["team_id"]
    move: dict[str, Any] = setting.platform.waggle("move", "start", workspace, "--to", cell, "--window", "0", "--wait")
    until_s = time.monotonic() + DONE_S_MAX
    while move["state"] not in ("done", "undone") and time.monotonic() < until_s:
        move = setting.platform.waggle("move", "show", str(move["move_id"]))
    if move["state"] != "done":
        raise RuntimeError(f"the move ended otherwise: {move}")
    return move


def _stored(setting: Setting, channel: str) -> int:
    count: int = 0
    cursor = ""
    while True:
        page = setting.call("conversations.history", channel=channel, limit=999, cursor=cursor)
        count += sum(message["text"] == "written during a move" for message in page["messages"])
        cursor = (page.get("response_metadata") or {}).get("next_cursor", "")
        if not cursor:
            return count


def _quantiles(report: Report, name: str, values: list[float], *, bars: bool = False) -> None:
    report.add(f"{name}, p50", statistics.median(values), "ms", at_most=60 if bars else None)
    report.add(f"{name}, p99", _quantile(values, 0.99), "ms", at_most=300 if bars else None)
    report.add(f"{name}, max", max(values), "ms", at_most=1000 if bars else None, detail=f"{len(values)} moves")


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
