"""Break real processes: kill, pause, go on."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager


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
