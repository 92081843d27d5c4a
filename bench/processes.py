"""What processes cost: CPU and resident memory, read from outside."""

from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Usage:
    """CPU seconds (user + system) and RSS in bytes."""

    cpu_s: float
    rss_bytes: int


def own(pid: int) -> Usage:
    """The process alone, without children."""
    process = psutil.Process(pid)
    times = process.cpu_times()
    return Usage(times.user + times.system, process.memory_info().rss)
