"""How well the end of a move is foretold: many moves of one workspace there and back, of which each teaches the next."""

import asyncio
from typing import Any

from bench.copying import MESSAGES, arrival_s, filled, watched
from bench.report import Report
from bench.setting import Setting

FORETOLD_MESSAGES, FORETOLD_MOVES = MESSAGES // 5, 10
TOLD_AT, ERROR_MAX, RIGHT_MIN = 0.25, 0.2, 9


async def measure(setting: Setting, report: Report) -> None:
    workspace, cell = await filled(setting, "bench-foretold", FORETOLD_MESSAGES)
    errors: list[float] = []
    for _ in range(FORETOLD_MOVES + 1):
        cell = "cell-2" if cell == "cell-1" else "cell-1"
        errors.append(_error(await asyncio.to_thread(watched, setting, workspace, cell)))
    told = sorted(errors[1:])  # by the first a fleet learns its rates
    right = sum(error <= ERROR_MAX for error in told)
    detail = f"error p50 {told[len(told) // 2]:.0%}, worst {told[-1]:.0%}; the first, by no move before it, {errors[0]:.0%}"
    name = f"ends foretold at {TOLD_AT:.0%} within {ERROR_MAX:.0%}, of {FORETOLD_MOVES} moves of {FORETOLD_MESSAGES:,} messages"
    report.add(name, right, "", at_least=RIGHT_MIN, detail=detail)


def _error(told: list[dict[str, Any]]) -> float:
    """Of the time that was left, as it was foretold when a quarter was done."""
    quarter = next(shape for shape in told if shape["progress"] >= TOLD_AT)
    left_s = arrival_s(told) - quarter["duration_s"]
    return abs(float(quarter["eta_s"]) - left_s) / left_s if left_s > 0 else 0.0
