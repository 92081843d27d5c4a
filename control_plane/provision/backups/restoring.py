"""Making a new cell of a backup: its tables, with every workspace sealed, so that it owns nothing until it is told to."""

import asyncio
import os
import shutil
from pathlib import Path

import asyncpg

from chassis.identity import CellName
from control_plane.provision.backups.manifest import Manifest, read_manifest
from control_plane.provision.backups.sealing import CONNECT_S_MAX, SEAL_S_MAX, seal
from control_plane.provision.backups.taking import verify
from control_plane.provision.cluster_settings import ClusterSettings
from control_plane.provision.errors import ProvisionError
from control_plane.provision.layout import Layout
from control_plane.provision.local import NAME
from control_plane.provision.postgres import Postgres
from control_plane.provision.processes import free_port


async def restore(home: Path, backup: Path, name: CellName) -> Manifest:
    """HOME/cells/NAME, ready for a cell of that name to be wanted there; it appears by rename, last.

    The copy takes part in no move: its subscriptions and publications are dropped, and its tenancy rows are `incoming`, so that
    whoever still owns the workspaces is not harmed by it. Raises ProvisionError.
    """
    if not NAME.fullmatch(name):
        raise ProvisionError(f"cell name {name!r} is not allowed: a letter, then letters, digits and '-', 2 to 32 in all")
    folder = Layout(home).cell(name)
    if await asyncio.to_thread(folder.exists):
        raise ProvisionError(f"{folder} exists already; a backup is restored as a new cell, with a name that no cell here had")
    manifest = read_manifest(backup)
    await verify(backup / "postgres")
    staging = folder.with_name(f".{name}.{os.getpid()}.restoring")
    try:
        await asyncio.to_thread(_lay_out, backup, staging)
        await _seal(staging / "postgres", free_port())
        staging.rename(folder)
    except OSError as error:
        raise ProvisionError(f"{folder} cannot be written: {error.strerror or error}") from None
    finally:
        await asyncio.to_thread(shutil.rmtree, staging, ignore_errors=True)
    return manifest


def _lay_out(backup: Path, staging: Path) -> None:
    postgres = staging / "postgres"
    staging.mkdir(mode=0o700, parents=True)
    shutil.copytree(backup / "secrets", postgres)
    shutil.copytree(backup / "postgres", postgres / "data")
    if (backup / "files").is_dir():
        shutil.copytree(backup / "files", staging / "files")
    account = Postgres(postgres, 0).cluster.account
    for path in (postgres / "data", *(postgres / "data").rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
        if account.is_other:
            os.chown(path, account.uid, account.gid)


async def _seal(home: Path, port: int) -> None:
    """Once, before any process of the cell sees the database; no stream of a move that the original had is taken up."""
    server = Postgres(home, port, settings=ClusterSettings(follows_moves=False))
    await server.start()
    try:
        connection = await asyncpg.connect(server.url(), timeout=CONNECT_S_MAX, command_timeout=SEAL_S_MAX)
        try:
            await seal(connection)
        finally:
            await connection.close(timeout=CONNECT_S_MAX)
    except (TimeoutError, asyncpg.PostgresError) as error:
        raise ProvisionError(f"the restored database could not be sealed: {error or type(error).__name__}") from None
    finally:
        await server.stop()
