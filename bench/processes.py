"""What processes cost: CPU and resident memory, read from outside."""

from contextlib import suppress
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Usage:
    """CPU seconds (user + system) and RSS in bytes."""

    cpu_s: float
    rss_bytes: int


def spent(pid: int) -> float:
    """CPU seconds of a process and all it has started, those that have ended too (their parents must have waited for them)."""
    root, total_s = psutil.Process(pid), 0.0
    for process in [root, *root.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # its parent has its seconds now
            times = process.cpu_times()
            total_s += times.user + times.system + times.children_user + times.children_system
    return total_s


def own(pid: int) -> Usage:
    """The process alone, without children."""
    process = psutil.Process(pid)
    times = process.cpu_times()
    return Usage(times.user + times.system, process.memory_info().rss)
