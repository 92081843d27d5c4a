"""The data directory of one PostgreSQL: made once by initdb, then found again.

An account that may not pass the directories above it is handed the open directory itself: `-D /proc/self/fd/N` follows
the descriptor and asks nothing of the path, so every permission stays as it is. Where that does not work (no /proc),
the data goes to /var/lib/waggle; HOME/data-directory.txt says where and why.
"""

import asyncio
import os
import secrets
import shutil
from pathlib import Path

from control_plane.provision.accounts import Account
from control_plane.provision.binaries import SHARED_ROOT
from control_plane.provision.errors import StartFailed
from control_plane.provision.launch import Launch, launch
from control_plane.provision.processes import end, ended, log_tail

OWNER = "waggle"
INITDB_TIMEOUT_S = 60.0
DESCRIPTORS = Path("/proc/self/fd")
INITDB = (
    *("--username", OWNER, "--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions"),
    *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
)


class Cluster:
    """One data directory beneath `home`, usable by `account`."""

    def __init__(self, home: Path, account: Account, shared_root: Path = SHARED_ROOT) -> None:
        self.home = home
        self.account = account
        self.moved_because = ""
        self._shared_root = shared_root
        self._elsewhere = home / "data-directory.txt"
        self._descriptor: int | None = None

    @property
    def path(self) -> Path:
        """Where the data is, by its real name."""
        return Path(self._elsewhere.read_text().splitlines()[0]) if self._elsewhere.exists() else self.home.resolve() / "data"

    @property
    def exists(self) -> bool:
        return (self.path / "PG_VERSION").exists()

    async def create(self, programs: Path, password: str, durable: bool = True) -> None:
        """Make the data directory, whole or not at all. Raises StartFailed with initdb's last words."""
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._by_descriptor:
            try:
                await self._initdb(programs, password, self.path, durable)
            except StartFailed as error:
                self.moved_because = str(error)
            else:
                return
        elif self.account.is_other:
            self.moved_because = f"{DESCRIPTORS} does not exist here"
        target = self._shared_root / f"data-{secrets.token_hex(4)}" if self.moved_because else self.path
        await self._initdb(programs, password, target, durable)
        if self.moved_because:
            self._elsewhere.write_text(f"{target}\nnot in {self.home}, because {self.moved_because}\n")

    def argument(self) -> tuple[str, tuple[int, ...]]:
        """What to pass as `-D`, and the descriptors that must be inherited for it to mean something."""
        if not self._by_descriptor or self._elsewhere.exists():
            return str(self.path), ()
        if self._descriptor is None:
            self._descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        return str(DESCRIPTORS / str(self._descriptor)), (self._descriptor,)

    def write(self, name: str, text: str) -> None:
        """Replace a file of the data directory by rename, owned by the account."""
        staging = self.path / f".{name}.new"
        staging.write_text(text)
        self._give(staging, 0o600)
        staging.replace(self.path / name)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def _by_descriptor(self) -> bool:
        return self.account.is_other and DESCRIPTORS.is_dir()

    def _give(self, path: Path, mode: int) -> None:
        path.chmod(mode)
        if self.account.is_other:
            os.chown(path, self.account.uid, self.account.gid)

    async def _initdb(self, programs: Path, password: str, target: Path, durable: bool) -> None:
        staging, password_file = target.with_name(target.name + ".new"), target.with_name(target.name + ".password")
        await asyncio.to_thread(shutil.rmtree, staging, ignore_errors=True)  # an earlier try that was killed
        staging.mkdir(mode=0o700, parents=True)
        password_file.write_text(password + "\n")
        try:
            self._give(staging, 0o700)
            self._give(password_file, 0o600)
            await self._run_initdb(programs, staging, password_file, durable)
            staging.rename(target)
        finally:
            password_file.unlink(missing_ok=True)
            shutil.rmtree(staging, ignore_errors=True)

    async def _run_initdb(self, programs: Path, staging: Path, password_file: Path, durable: bool) -> None:
        hand_over = self._by_descriptor and not self.moved_because
        inherited = [os.open(path, os.O_RDONLY) for path in (staging, password_file)] if hand_over else []
        data, secret = (str(DESCRIPTORS / str(n)) for n in inherited) if inherited else (str(staging), str(password_file))
        log = self.home / "initdb.log"
        argv = (str(programs / "initdb"), "-D", data, f"--pwfile={secret}", *INITDB, *(() if durable else ("--no-sync",)))
        try:
            process = launch(Launch(argv=argv, log=log, env={"LC_ALL": "C"}, account=self.account, descriptors=tuple(inherited)))
            if not await ended(process, INITDB_TIMEOUT_S):
                await end(process)
            if process.returncode != 0:
                raise StartFailed("initdb", log_tail(log), log)
        finally:
            for descriptor in inherited:
                os.close(descriptor)
