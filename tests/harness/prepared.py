"""A home in which a platform of two cells was up and went down again: a copy of it is up in half the time of a new one.

Made once a run, by whichever process of tests is first, as its users make it. That a platform comes up from nothing is shown by
tests/system/test_local_platform.py and by all that want other cells or settings.
"""

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from control_plane.provision.processes import free_port
from tests.harness.platform import Platform

KEPT = ("cells", "control-plane", "demo.json")
"""Not the ports and not the credential: no two platforms have those in common, or one could speak to the other's cells."""
COPY_S_MAX = 60.0


def prepare_home(home: Path, factory: pytest.TempPathFactory) -> None:
    """What `waggle up` finds in `home`: databases with their tables and the demo workspace."""
    shared = _of_the_run(factory) / "prepared"
    with _alone(shared):
        if not (shared / "home").exists():
            _make(shared)
    if any((shared / "home").rglob("data-directory.txt")):
        return  # databases that lie elsewhere are not copied with their home
    home.mkdir(mode=0o700)
    copy = ["cp", "-a", *(str(shared / "home" / name) for name in KEPT), str(home)]
    subprocess.run(copy, check=True, timeout=COPY_S_MAX, capture_output=True)


def _make(shared: Path) -> None:
    platform = Platform(shared / "first", free_port())
    platform.up()
    platform.down()
    platform.home.rename(shared / "home")


def _of_the_run(factory: pytest.TempPathFactory) -> Path:
    """The folder that all processes of this run have in common."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
