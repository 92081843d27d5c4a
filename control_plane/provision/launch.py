"""Starting a process: what to run, as whom, with which descriptors; it ends when its starter does."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from control_plane.provision.accounts import Account

DESCEND = Path(__file__).with_name("descend.py")
PLAIN_ENVIRONMENT = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Launch:
    """A process as it will be started. Two launches that are equal need no restart."""

    argv: tuple[str, ...]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None
    cwd: str = "/"
    descriptors: tuple[int, ...] = ()
    end_signal: int = signal.SIGTERM
    """The signal that asks it to stop; also sent when the starter is killed."""


def launch(what: Launch) -> subprocess.Popen[bytes]:
    """Start `what` in a process group of its own, so that a Ctrl-C on the terminal reaches only the starter."""
    account = what.account
    uid, gid = (account.uid, account.gid) if account and account.is_other else (-1, -1)
    what.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(what.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as log:
        return subprocess.Popen(  # noqa: S603
            [*descent(what.end_signal, uid, gid, what.cwd), *what.argv],
            env={**plain_environment(os.environ), **what.env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=what.descriptors,
            start_new_session=True,
        )


def descent(end_signal: int, uid: int = -1, gid: int = -1, cwd: str = "/") -> tuple[str, ...]:
    """What to put before a command so that it ends with us: at our death it gets `end_signal`. Uid -1 keeps the account."""
    return (sys.executable, "-I", "-S", str(DESCEND), str(int(end_signal)), str(os.getpid()), str(uid), str(gid), cwd)


def plain_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What a child may know of our environment: nothing that changes what PostgreSQL or a service does."""
    return {name: environ[name] for name in PLAIN_ENVIRONMENT if name in environ}
