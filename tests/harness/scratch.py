"""Where a test's servers keep what nobody needs after a power cut: in memory where there is room, else on the disk.

A database is some thousand files; making and dropping one for each test costs a disk more than the tests themselves.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

IN_MEMORY = Path("/dev/shm")
PREFIX = "waggle-tests"
ROOM_BYTES_MIN = 2 << 30
"""For two processes of tests: each keeps some hundred MB."""


@contextmanager
def scratch(name: str, on_disk: Path) -> Iterator[Path]:
    """A folder for `name`, gone at the end; `on_disk` where memory has no room."""
    if not _has_room():
        yield on_disk
        return
    _sweep()
    folder = IN_MEMORY / f"{PREFIX}-{os.getpid()}-{name}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _has_room() -> bool:
    if not os.access(IN_MEMORY, os.W_OK | os.X_OK):
        return False
    return min(shutil.disk_usage(IN_MEMORY).free, psutil.virtual_memory().available) > ROOM_BYTES_MIN


def _sweep() -> None:
    """What runs that were killed have left; nothing else ever gives that memory back."""
    for left in IN_MEMORY.glob(f"{PREFIX}-*"):
        pid = left.name.removeprefix(f"{PREFIX}-").partition("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
