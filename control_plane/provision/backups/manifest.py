"""What a backup says of itself: BACKUP/manifest.json, written last, so that a folder that has one is whole.

manifest.json        of which cell, when, which workspaces with their epochs and places in their logs
postgres/            a data directory as pg_basebackup makes it, with the WAL up to its end and a checksum of every file
secrets/             the passwords of its roles, 0600
files/               uploads, where the cell keeps them on its own disk
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from control_plane.provision.errors import ProvisionError

NAME = "manifest.json"
FORMAT = 1
BYTES_MAX = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Kept:
    """A workspace as it was when the backup began; what it holds is this or newer."""

    workspace_id: str
    name: str
    epoch: int
    state: str
    seq: int


@dataclass(frozen=True, slots=True)
class Manifest:
    cell: str
    region: str
    taken_at: str
    """When it began, ISO 8601, UTC. Everything acknowledged before is in it."""
    duration_s: float
    schema_revision: str
    database_bytes: int
    files: int
    """Of the cell's own folder; a store outside of it (S3) keeps what it has by its own means."""
    file_bytes: int
    workspaces: tuple[Kept, ...]

    def json(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}


def read_manifest(backup: Path) -> Manifest:
    """Raises ProvisionError for a folder that is no backup, or not a whole one."""
    path = backup / NAME
    try:
        with path.open("rb") as file:
            told: dict[str, Any] = json.loads(file.read(BYTES_MAX))
        if told.pop("format") != FORMAT:
            raise ProvisionError(f"{path} is of another format than {FORMAT}; a newer waggle may read it")
        return Manifest(**{**told, "workspaces": tuple(Kept(**one) for one in told["workspaces"])})
    except FileNotFoundError:
        raise ProvisionError(f"{backup} is not a whole backup: it has no {NAME}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProvisionError(f"{path} is damaged: {error!r}") from None
