"""A million messages of a Slack export come in, and go out again; what it costs in time and memory."""

import asyncio
import json
import os
import subprocess
import time
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from bench.report import Report
from bench.setting import Setting
from tests.harness.platform import UNLIMITED, WAGGLE, clean_environment

MESSAGES = int(os.environ.get("WAGGLE_BENCH_IMPORT_MESSAGES", "1000000"))
CHANNELS, PEOPLE, DAYS = 50, 1_000, 730
FIRST_S, DAY_S = 1_600_000_000, 86_400
BAR_S = 300.0
LOOK_S = 0.25
TEXT = "the quick brown fox jumps over the lazy dog and says what everyone says on a working day "


async def measure(setting: Setting, report: Report) -> None:
    with TemporaryDirectory(prefix="waggle-bench-import-") as folder:
        path, out = Path(folder) / "export.zip", Path(folder) / "out.zip"
        size = await asyncio.to_thread(write_export, path, MESSAGES)
        watched = {"cell": setting.pids()["cell"], "control plane": setting.platform.pid("control-plane")}
        took_s, peaks, answer = await asyncio.to_thread(_run, setting, watched, "import", str(path))
        counts = answer["counts"]
        came = counts["messages"] + counts.get("replies", 0)
        bar_s = BAR_S * MESSAGES / 1_000_000
        report.add(f"import of {MESSAGES:,} messages", took_s, "s", bar_s, detail=f"{size >> 20} MiB zip, {came / took_s:,.0f} messages/s")
        report.add("messages lost or doubled by the import", abs(MESSAGES - came), "", at_most=0)
        for name, peak in peaks.items():
            report.add(f"peak memory of the {name}, import", peak / 2**20, "MiB")
        took_s, peaks, answer = await asyncio.to_thread(_run, setting, watched, "export", "--to", str(out))
        went = answer["counts"]["messages"] + answer["counts"]["replies"]
        report.add(f"export of {went:,} messages", took_s, "s", detail=f"{out.stat().st_size >> 20} MiB zip")
        for name, peak in peaks.items():
            report.add(f"peak memory of the {name}, export", peak / 2**20, "MiB")


def write_export(path: Path, messages: int) -> int:
    """Channels by day, as Slack writes them: a tenth replies, every twentieth with reactions. Returns its bytes."""
    people = [f"U{number:08}" for number in range(PEOPLE)]
    each = messages // (CHANNELS * DAYS)
    rest = messages - each * CHANNELS * DAYS
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("users.json", json.dumps([{"id": person, "name": person.lower(), "profile": {}} for person in people]))
        rooms = [
            {"id": f"C{n:08}", "name": f"room-{n}", "created": FIRST_S, "creator": people[0], "members": people[:100]}
            for n in range(CHANNELS)
        ]
        archive.writestr("channels.json", json.dumps(rooms))
        number = 0
        for room in rooms:
            for day in range(DAYS):
                today = each + (1 if rest > 0 else 0)
                rest -= 1
                faces = [_face(people, number + n, FIRST_S + day * DAY_S + n * 30) for n in range(today)]
                number += today
                at = time.gmtime(FIRST_S + day * DAY_S)
                archive.writestr(f"{room['name']}/{time.strftime('%Y-%m-%d', at)}.json", "[" + ",".join(map(json.dumps, faces)) + "]")
    return path.stat().st_size


def _face(people: list[str], number: int, second: int) -> dict[str, Any]:
    ts = f"{second}.{number % 1_000_000:06}"
    author = people[number % PEOPLE]
    face: dict[str, Any] = {
        "type": "message",
        "user": author,
        "text": f"{TEXT}{number}",
        "ts": ts,
        "team": "T00000000",
        "client_msg_id": ts,
    }
    element = {"type": "rich_text_section", "elements": [{"type": "text", "text": face["text"]}]}
    face["blocks"] = [{"type": "rich_text", "block_id": "abc", "elements": [element]}]
    if number % 20 == 0:
        face["reactions"] = [{"name": "tada", "users": people[:3], "count": 3}]
    return face


def _run(setting: Setting, watched: dict[str, int], verb: str, *words: str) -> tuple[float, dict[str, int], Any]:
    """How long it took, the most memory each process had, and what it printed."""
    command = [WAGGLE, "workspace", verb, "bench", *words, "--json", "--home", str(setting.platform.home)]
    began_s, peaks = time.perf_counter(), dict.fromkeys((*watched, "command line"), 0)
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**clean_environment(), **UNLIMITED}) as running:
        pids = {**watched, "command line": running.pid}
        while running.poll() is None:
            for name, pid in pids.items():
                try:
                    peaks[name] = max(peaks[name], psutil.Process(pid).memory_info().rss)
                except psutil.Error:
                    continue
            time.sleep(LOOK_S)
        took_s = time.perf_counter() - began_s
        assert running.stdout is not None
        said = json.load(running.stdout)
        if running.returncode:
            raise RuntimeError(f"waggle workspace {verb} ended with {running.returncode}")
    return took_s, peaks, said
