"""Break real processes: kill, pause, go on."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


def kill(pid: int) -> None:
    """As the OOM killer would: no warning, no clean-up."""
    os.kill(pid, signal.SIGKILL)


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """A process that hangs and then goes on where it was."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def held_down(pid_of: Callable[[], int]) -> Iterator[None]:
    """A process that is killed again each time its supervisor starts it, before it can serve."""
    released = threading.Event()

    def run() -> None:
        while not released.wait(0.05):
            with suppress(ProcessLookupError, FileNotFoundError):
                kill(pid_of())

    thread = threading.Thread(target=run)
    kill(pid_of())
    thread.start()
    try:
        yield
    finally:
        released.set()
        thread.join()
