"""PostgreSQL refuses to run as root, so root lends it a system user of its own; a normal user is its own account."""

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from control_plane.provision.errors import ProvisionError

SERVICE_USER = "waggle-postgres"
CREATE_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Account:
    """Who a process runs as."""

    name: str
    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        """Another user than ours, so its processes may not see what we see."""
        return self.uid != os.geteuid()


def database_account(name: str = SERVICE_USER) -> Account:
    """The account PostgreSQL runs as: ours, or for root the system user `name`, created when missing."""
    if os.geteuid() != 0:
        return Account(name="", uid=os.geteuid(), gid=os.getegid())
    return _find(name) or _create(name)


def reachable(path: Path, account: Account) -> bool:
    """Whether `account` may read `path` by its mode bits and those of every directory above it."""
    real = path.resolve()
    if not account.is_other:
        return real.exists()
    try:
        return _allows(real.stat(), account, 0o4) and all(_allows(parent.stat(), account, 0o1) for parent in real.parents)
    except OSError:
        return False


def _allows(status: os.stat_result, account: Account, bits: int) -> bool:
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid == account.uid:
        return mode >> 6 & bits == bits
    if status.st_gid == account.gid:
        return mode >> 3 & bits == bits
    return mode & bits == bits


def _find(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)


def _create(name: str) -> Account:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/false", name]
    why = "useradd is not installed"
    if tool := shutil.which("useradd", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin:/sbin"):
        result = subprocess.run([tool, *command[1:]], capture_output=True, text=True, timeout=CREATE_TIMEOUT_S, check=False)  # noqa: S603
        why = " ".join(result.stderr.split()) or f"useradd ended with {result.returncode}"
    if account := _find(name):  # also when another process created it meanwhile
        return account
    raise ProvisionError(
        f"PostgreSQL will not run as root, and the system user {name!r} for it cannot be created ({why}); try: {' '.join(command)}"
    )
