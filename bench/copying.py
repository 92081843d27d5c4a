"""What moving a large workspace takes: copied and proved, rows a second.

Messages are put into the cell's database as they lie there, but not one by one through the log: nobody waits for a million posts.
"""

import asyncio
import json
import os
import subprocess
import time
from typing import Any

import asyncpg

from bench.report import Report
from bench.setting import Setting
from control_plane.provision.postgres import Postgres
from tests.harness.platform import UNLIMITED, WAGGLE, clean_environment

MESSAGES = int(os.environ.get("WAGGLE_BENCH_COPYING_MESSAGES", "1000000"))
CHANNELS, PEOPLE = 50, 1_000
FIRST_US = 1_700_000_000_000_000
BAR_ROWS_PER_S = 50_000
ENDED_S_MAX = 900.0
WINDOW_S = "1"
"""So that a move is seen to arrive before its rows are deleted where it came from."""
PUT = """
INSERT INTO messages (workspace_id, channel_id, ts_us, user_id, text, broadcast, client_msg_id)
SELECT $1, 'C' || lpad((n % $3)::text, 10, '0'), $4::bigint + n * 1000000, 'U' || lpad((n % $5)::text, 10, '0'),
  repeat('the quick brown fox jumps over the lazy dog ', 3) || n, false, 'bench-' || n
FROM generate_series(1::bigint, $2::bigint) AS n
"""


async def measure(setting: Setting, report: Report) -> None:
    move = await _moved(setting, "bench-copying", MESSAGES)
    rows, rate = move[-1]["rows"], _rate(move)
    report.add(
        f"copy of {MESSAGES:,} messages, proved", rate, "rows/s", at_least=BAR_ROWS_PER_S, detail=f"{rows} rows in {rows / rate:.1f} s"
    )
    report.add("its pause", move[-1]["pause_ms"], "ms")


async def _moved(setting: Setting, name: str, messages: int) -> list[dict[str, Any]]:
    workspace, cell = await filled(setting, name, messages)
    return await asyncio.to_thread(watched, setting, workspace, "cell-2" if cell == "cell-1" else "cell-1")


async def filled(setting: Setting, name: str, messages: int) -> tuple[str, str]:
    """A workspace with so many messages, and the cell it is in."""
    made = setting.platform.workspace(name, cell="cell-1")
    home = setting.platform.home
    port = json.loads((home / "ports.json").read_text())["cell-1-postgres"]
    line = await asyncpg.connect(Postgres(home / "cells" / "cell-1" / "postgres", port).url())
    try:
        await line.execute(PUT, made["workspace_id"], messages, CHANNELS, FIRST_US, PEOPLE, timeout=600)
        await line.execute("ANALYZE messages")
    finally:
        await line.close()
    return made["workspace_id"], "cell-1"


def watched(setting: Setting, workspace: str, cell: str) -> list[dict[str, Any]]:
    """A move as `move watch --json` tells it, to its arrival; ends when its rows are gone from where it came."""
    waggle = setting.platform.waggle
    move_id = str(waggle("move", "start", workspace, "--to", cell, "--window", WINDOW_S)["move_id"])
    command = [WAGGLE, "move", "watch", move_id, "--json", "--home", str(setting.platform.home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**clean_environment(), **UNLIMITED}) as running:
        assert running.stdout is not None
        told = [json.loads(line) for line in running.stdout]
    until_s = time.monotonic() + ENDED_S_MAX
    while (state := waggle("move", "show", move_id)["state"]) != "done":
        if state == "undone" or time.monotonic() > until_s:
            raise RuntimeError(f"the move ended otherwise: {told[-1]}")
        time.sleep(0.2)
    return [dict(shape) for shape in told]


def _rate(told: list[dict[str, Any]]) -> float:
    """From the order to the arrival: everything counts, not the copy alone."""
    return float(told[-1]["rows"]) / arrival_s(told)


def arrival_s(told: list[dict[str, Any]]) -> float:
    return float(told[-1]["duration_s"])
