"""Taking a backup of a cell that serves: nobody waits for it, and it is whole or not there."""

import asyncio
import json
import os
import shutil
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import asyncpg

from control_plane.provision.backups.manifest import NAME, Kept, Manifest
from control_plane.provision.backups.programs import run_program
from control_plane.provision.cluster import OWNER
from control_plane.provision.errors import ProvisionError
from control_plane.provision.interface import CellSpec
from control_plane.provision.layout import Layout, Ports
from control_plane.provision.postgres import APP_ROLE, Postgres
from control_plane.provision.secret_files import write_private

CONNECT_S_MAX = 10.0
QUERY_S_MAX = 60.0
ROOM_FACTOR = 1.1
"""Of what is there now: a backup takes the WAL of its own time along."""
TELL_S = 0.5
WORKSPACES = "SELECT workspace_id, name, epoch, state, seq FROM tenancy ORDER BY workspace_id"
REVISION = "SELECT version_num FROM alembic_version"
SIZE = "SELECT sum(pg_database_size(oid))::bigint FROM pg_database"


class Stage(StrEnum):
    DATABASE = "database"
    FILES = "files"
    VERIFYING = "verifying"


Tell = Callable[[Stage, int, int], None]
"""Called twice a second with bytes done and bytes expected."""


@dataclass(frozen=True, slots=True)
class Source:
    """The cell's own things on this disk."""

    spec: CellSpec
    server: Postgres
    files: Path


@dataclass(frozen=True, slots=True)
class Facts:
    revision: str
    bytes: int
    workspaces: tuple[Kept, ...]


async def take(home: Path, spec: CellSpec, target: Path, tell: Tell) -> Manifest:
    """Everything that was acknowledged before the call is in it. `target` appears by rename, last.

    Raises ProvisionError: a target that exists, no room, a database that does not answer, a copy that is not what was sent.
    """
    source = _source(home, spec)
    if await asyncio.to_thread(target.exists):
        raise ProvisionError(f"{target} exists already; a backup is a new folder")
    staging = target.with_name(f".{target.name}.{os.getpid()}.taking")
    try:
        await asyncio.to_thread(_make, staging)
        manifest = await _take(source, staging, tell)
        write_private(staging / NAME, json.dumps(manifest.json(), indent=1) + "\n")
        staging.rename(target)
    except OSError as error:
        raise ProvisionError(f"{target} cannot be written: {error.strerror or error}") from None
    finally:
        await asyncio.to_thread(shutil.rmtree, staging, ignore_errors=True)
    return manifest


def _source(home: Path, spec: CellSpec) -> Source:
    port = Ports(home / "ports.json").kept(f"{spec.name}-postgres")
    folder = Layout(home).cell(spec.name)
    if port is None:
        raise ProvisionError(f"cell {spec.name} has no database on this machine")
    return Source(spec, Postgres(folder / "postgres", port), folder / "files")


async def _take(source: Source, staging: Path, tell: Tell) -> Manifest:
    began_s, taken_at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    facts = await _facts(source)
    _, there_bytes = await asyncio.to_thread(measured, source.files)
    _require_room(staging, facts.bytes + there_bytes)
    database, files = staging / "postgres", staging / "files"
    await _telling(_copy_database(source.server, database), lambda: tell(Stage.DATABASE, measured(database)[1], facts.bytes))
    await _telling(_copy_files(source.files, files), lambda: tell(Stage.FILES, measured(files)[1], there_bytes))
    _copy_secrets(source.server, staging / "secrets")
    await _telling(verify(database), lambda: tell(Stage.VERIFYING, 0, 0))
    count, file_bytes = measured(files)
    duration_s = round(time.monotonic() - began_s, 1)
    spec, size = source.spec, (await asyncio.to_thread(measured, database))[1]
    return Manifest(spec.name, spec.region, taken_at, duration_s, facts.revision, size, count, file_bytes, facts.workspaces)


async def _facts(source: Source) -> Facts:
    try:
        connection = await asyncpg.connect(source.server.url(), timeout=CONNECT_S_MAX, command_timeout=QUERY_S_MAX)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise ProvisionError(f"the database of {source.spec.name} does not answer: {error or type(error).__name__}") from None
    try:
        rows = await connection.fetch(WORKSPACES)
        return Facts(await connection.fetchval(REVISION), await connection.fetchval(SIZE), tuple(Kept(**dict(row)) for row in rows))
    finally:
        await connection.close(timeout=CONNECT_S_MAX)


async def _copy_database(server: Postgres, target: Path) -> None:
    where = ("--host", "127.0.0.1", "--port", str(server.port), "--username", OWNER, "--no-password")
    what = ("--pgdata", str(target), "--wal-method", "stream", "--checkpoint", "fast", "--manifest-checksums", "SHA256")
    # Environments are private to their user, command lines are not.
    await run_program("pg_basebackup", *where, *what, env={"PGPASSWORD": server.password(OWNER)})


async def verify(database: Path) -> None:
    """Every file against its checksum, and the WAL whole. Raises ProvisionError."""
    await run_program("pg_verifybackup", "--quiet", str(database))


async def _copy_files(source: Path, target: Path) -> None:
    """After the database: what its rows name was there before them. What is deleted meanwhile may be missed by nobody."""
    if await asyncio.to_thread(source.is_dir):
        await asyncio.to_thread(shutil.copytree, source, target, ignore_dangling_symlinks=True, copy_function=_copy_if_there)


def _copy_if_there(source: str, target: str) -> None:
    try:
        shutil.copy2(source, target)
    except FileNotFoundError:
        return  # deleted since the folder was listed


def _copy_secrets(server: Postgres, target: Path) -> None:
    for role in (OWNER, APP_ROLE):
        write_private(target / f"{role}.password", server.password(role) + "\n")


def _make(staging: Path) -> None:
    staging.parent.mkdir(parents=True, exist_ok=True)
    staging.mkdir(mode=0o700)


def _require_room(staging: Path, wanted_bytes: int) -> None:
    free = shutil.disk_usage(staging).free
    if free < wanted_bytes * ROOM_FACTOR:
        raise ProvisionError(
            f"the backup needs about {wanted_bytes * ROOM_FACTOR / 2**20:.0f} MiB, and {free / 2**20:.0f} MiB are free there"
        )


def measured(folder: Path) -> tuple[int, int]:
    """Files beneath, and their bytes; what vanishes meanwhile counts nothing."""
    count = total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(path) / name).lstat().st_size
                count += 1
            except FileNotFoundError:
                continue
    return count, total


async def _telling(work: Coroutine[Any, Any, None], tell: Callable[[], None]) -> None:
    task = asyncio.create_task(work)
    try:
        while not task.done():
            await asyncio.to_thread(tell)
            await asyncio.wait([task], timeout=TELL_S)
    finally:
        task.cancel()
        await asyncio.wait([task])
    task.result()
