"""One supervisor per home: a lock that the kernel drops when its holder dies, with the holder's pid to read."""

import fcntl
import os
import time
from pathlib import Path

from control_plane.provision.errors import ProvisionError

TRIES = 4
TRY_EVERY_S = 0.02


class AlreadyRunning(ProvisionError):
    code = "already_running"

    def __init__(self, home: Path, pid: int) -> None:
        super().__init__(f"a platform already runs in {home} (pid {pid}); waggle status shows it, waggle down stops it")
        self.pid = pid


class SupervisorLock:
    """Held from creation until `release` or the end of the process. Raises AlreadyRunning."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if not _locked(self._file):
            pid = _pid(self._file)
            os.close(self._file)
            raise AlreadyRunning(path.parent, pid)
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.ftruncate(self._file, 0)
        os.close(self._file)


def holder(path: Path) -> int | None:
    """The pid of the supervisor that holds the lock; None when nobody does."""
    if not path.exists():
        return None
    try:
        lock = SupervisorLock(path)
    except AlreadyRunning as running:
        return running.pid
    lock.release()
    return None


def _locked(file: int) -> bool:
    """Tries for a moment: `holder`, asked by somebody else, takes the lock for an instant."""
    for _ in range(TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(TRY_EVERY_S)
        else:
            return True
    return False


def _pid(file: int) -> int:
    text = os.pread(file, 32, 0).decode("ascii", "replace").strip()
    return int(text) if text.isdigit() else 0
