"""How much memory a platform's processes take at their peak while something happens (Linux: VmHWM, which can be set back)."""

from pathlib import Path

import psutil

from tests.harness.platform import Platform

MIB = 1 << 20


class Peaks:
    """Of every process of these names and its children, from now on."""

    def __init__(self, platform: Platform, *names: str) -> None:
        self._processes = {
            f"{name}/{process.pid}": process.pid
            for name in names
            for parent in (psutil.Process(platform.pid(name)),)
            for process in (parent, *parent.children(recursive=True))
        }
        for pid in self._processes.values():
            Path(f"/proc/{pid}/clear_refs").write_text("5")
        self._before = {name: _kib(pid, "VmRSS") for name, pid in self._processes.items()}

    def growth_mib(self) -> dict[str, float]:
        """By process; one that has ended does not count."""
        alive = {name: pid for name, pid in self._processes.items() if psutil.pid_exists(pid)}
        return {name: (_kib(pid, "VmHWM") - self._before[name]) / 1024 for name, pid in alive.items()}


def _kib(pid: int, field: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
