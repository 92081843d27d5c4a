"""What processes cost: CPU and resident memory, read from outside."""

from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Usage:
    """CPU seconds (user + system) and RSS in bytes, summed over a process and its children."""

    cpu_s: float
    rss_bytes: int


def usage(pid: int) -> Usage:
    cpu_s, rss_bytes = 0.0, 0
    root = psutil.Process(pid)
    for process in [root, *root.children(recursive=True)]:
        times = process.cpu_times()
        cpu_s += times.user + times.system
        rss_bytes += process.memory_info().rss
    return Usage(cpu_s, rss_bytes)


def own(pid: int) -> Usage:
    """The process alone, without children."""
    process = psutil.Process(pid)
    times = process.cpu_times()
    return Usage(times.user + times.system, process.memory_info().rss)
