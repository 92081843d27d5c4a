"""One PostgreSQL of our own: made from nothing, started, found again after a kill, stopped.

It listens on 127.0.0.1 only, with a password, and has no Unix socket.
"""

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import psutil

from control_plane.provision.accounts import Account, database_account
from control_plane.provision.binaries import SHARED_ROOT, postgres_bin
from control_plane.provision.cluster import OWNER, Cluster
from control_plane.provision.cluster_settings import ClusterSettings
from control_plane.provision.errors import PortTaken, StartFailed
from control_plane.provision.launch import Launch, launch
from control_plane.provision.processes import end, ended, log_tail, port_is_free, until, working_in
from control_plane.provision.secret_files import kept_secret

APP_ROLE = "waggle_app"
DATABASE = "waggle"
START_TIMEOUT_S = 60.0
# Fast shutdown (ends sessions, writes a checkpoint), then immediate (recovers at the next start).
STOPPING = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0))
ORPHANS_GONE_S = 5.0
ENDING_S = 2.0


class Postgres:
    """A server with its data and passwords beneath `home`. As root it runs as the system user `waggle-postgres`."""

    def __init__(
        self,
        home: Path,
        port: int,
        *,
        log: Path | None = None,
        settings: ClusterSettings | None = None,
        account: Account | None = None,
        shared_root: Path = SHARED_ROOT,
    ) -> None:
        self.home = home
        self.port = port
        self.log = log or home / "postgres.log"
        self.settings = settings or ClusterSettings()
        self._account = account
        self._shared_root = shared_root
        self._cluster: Cluster | None = None
        self._programs = Path()
        self._process: subprocess.Popen[bytes] | None = None

    def password(self, role: str) -> str:
        return kept_secret(self.home / f"{role}.password")

    def url(self, database: str = DATABASE, role: str = OWNER, *, password: bool = True) -> str:
        """A libpq URL; without the password where others could see it, such as on a command line."""
        secret = ":" + quote(self.password(role), safe="") if password else ""
        return f"postgresql://{role}{secret}@127.0.0.1:{self.port}/{database}"

    @property
    def cluster(self) -> Cluster:
        if self._cluster is None:
            account = self._account or database_account()
            self._programs = postgres_bin(account, self._shared_root)
            self._cluster = Cluster(self.home, account, self._shared_root)
        return self._cluster

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.poll() is None else None

    async def prepare(self) -> Launch:
        """Everything before the start: the data directory, its settings, nobody left over from a kill, the port free."""
        cluster = self.cluster
        if not cluster.exists:
            await cluster.create(self._programs, self.password(OWNER), self.settings.durable)
        await asyncio.to_thread(_end_orphans, cluster.path)
        if not port_is_free(self.port):
            raise PortTaken(self.port, f"PostgreSQL of {self.home}")
        cluster.write("postgresql.conf", self.settings.text())
        return self._launch(cluster)

    def is_ready(self, pid: int) -> bool:
        """Whether the server with this pid accepts sessions, by the state that it writes into postmaster.pid."""
        try:
            lines = (self.cluster.path / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"

    async def start(self) -> None:
        """From nothing, or from whatever a kill left, to accepting sessions; or StartFailed, PortTaken."""
        if self._process is not None and not await ended(self._process, ENDING_S):
            raise StartFailed("PostgreSQL", f"it runs already (pid {self._process.pid})", self.log)
        written = self.log.stat().st_size if self.log.exists() else 0
        self._process = process = launch(await self.prepare())

        async def settled() -> bool:
            return process.poll() is not None or self.is_ready(process.pid)

        if not await until(settled, START_TIMEOUT_S):
            await self.stop()
        if self.pid is None:
            raise StartFailed("PostgreSQL", log_tail(self.log, written), self.log)

    async def stop(self) -> None:
        """Stop cleanly; bounded. The data stays."""
        if self._process is not None:
            await end(self._process, *STOPPING)
        if self._cluster is not None:
            self._cluster.close()

    def _launch(self, cluster: Cluster) -> Launch:
        data, descriptors = cluster.argument()
        argv = (str(self._programs / "postgres"), "-D", data, "-p", str(self.port))
        env: Mapping[str, str] = {"LC_ALL": "C", "PGDATA": ""}
        return Launch(argv=argv, log=self.log, env=env, account=cluster.account, descriptors=descriptors, end_signal=signal.SIGINT)


def _end_orphans(data: Path) -> None:
    """After a killed postmaster its children may hold the shared memory; a postmaster of a killed starter still runs.

    A pid in postmaster.pid that now belongs to some other program would make PostgreSQL refuse to start.
    """
    lock = data / "postmaster.pid"
    if not lock.exists():
        return
    orphans = working_in(data, "postgres")
    for process in orphans:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(orphans, timeout=ORPHANS_GONE_S)
    lock.unlink(missing_ok=True)
