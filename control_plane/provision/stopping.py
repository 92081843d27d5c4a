"""Stopping a platform from outside: ask its supervisor, wait, and in the end insist."""

import contextlib
import os
import signal
import time

from control_plane.provision import run_records
from control_plane.provision.layout import Layout
from control_plane.provision.supervisor_lock import holder

STOP_S_MAX = 60.0
LOOK_EVERY_S = 0.05


def stop_platform(layout: Layout) -> str:
    """Returns one sentence of what was done."""
    pid = holder(layout.lock)
    if pid is None:
        left = run_records.end_orphans(layout.run) if layout.run.is_dir() else []
        return f"nothing runs in {layout.home}" + (f"; ended what was left of it: {', '.join(left)}" if left else "")
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    if _released(layout):
        return f"stopped (pid {pid}); the data stays in {layout.home}"
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    run_records.end_orphans(layout.run)
    return f"killed (pid {pid}) after {STOP_S_MAX:.0f} s; the data stays in {layout.home}"


def _released(layout: Layout) -> bool:
    deadline = time.monotonic() + STOP_S_MAX
    while holder(layout.lock) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_EVERY_S)
    return True
