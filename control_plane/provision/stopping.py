"""Stopping a platform from outside: ask its supervisor, wait, and in the end insist."""

import contextlib
import os
import signal
import time

import psutil

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
    if _ended(layout, pid):
        return f"stopped (pid {pid}); the data stays in {layout.home}"
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    run_records.end_orphans(layout.run)
    return f"killed (pid {pid}) after {STOP_S_MAX:.0f} s; the data stays in {layout.home}"


def _ended(layout: Layout, pid: int) -> bool:
    """The lock is free, and who held it has gone: it lets go of it a moment before."""
    deadline = time.monotonic() + STOP_S_MAX
    while holder(layout.lock) is not None or _runs(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_EVERY_S)
    return True


def _runs(pid: int) -> bool:
    """One that only waits for its parent to look has ended."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
