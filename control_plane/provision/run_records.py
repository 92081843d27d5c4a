"""Which processes we started, on disk, so that the next supervisor can end what a killed one left behind.

A pid alone may belong to somebody else by now; with its start time it is the same process or none.
"""

import contextlib
import json
from pathlib import Path

import psutil

END_S = 5.0
START_TIME_TOLERANCE_S = 0.05


def record(folder: Path, name: str, pid: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):  # it ended already; there is nothing to find later
        text = json.dumps({"pid": pid, "started": psutil.Process(pid).create_time()})
        staging = folder / f".{name}.json"
        staging.write_text(text + "\n")
        staging.replace(folder / f"{name}.json")


def forget(folder: Path, name: str) -> None:
    (folder / f"{name}.json").unlink(missing_ok=True)


def end_orphans(folder: Path) -> list[str]:
    """End every recorded process that still runs: SIGTERM, 5 s, SIGKILL. Returns their names."""
    found = {path.stem: process for path in sorted(folder.glob("*.json")) if (process := _alive(path))}
    for process in found.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(list(found.values()), timeout=END_S)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=END_S)
    for path in folder.glob("*.json"):
        path.unlink(missing_ok=True)
    return list(found)


def _alive(path: Path) -> psutil.Process | None:
    try:
        kept = json.loads(path.read_text())
        process = psutil.Process(int(kept["pid"]))
        same = abs(process.create_time() - float(kept["started"])) < START_TIME_TOLERANCE_S
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    return process if same and process.status() != psutil.STATUS_ZOMBIE else None
