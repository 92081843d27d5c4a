"""Cells on this machine: HOME/cells/NAME/cell.json is the wish, the supervisor fulfils it."""

import asyncio
import json
import re
from dataclasses import asdict, replace
from pathlib import Path

from chassis.identity import CellName
from control_plane.provision.builds import Builds
from control_plane.provision.cluster import OWNER
from control_plane.provision.errors import ProvisionError
from control_plane.provision.interface import CellSpec, MigrationLimits
from control_plane.provision.layout import Layout, Ports
from control_plane.provision.migrating import CellDatabase, migrate_with
from control_plane.provision.postgres import APP_ROLE, Postgres
from control_plane.provision.secret_files import write_private

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}[a-z0-9]")
CELLS_MAX = 64
"""On one machine; each cell brings a PostgreSQL and a Valkey."""


class LocalProvisioner:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.builds = Builds(home)

    async def create(self, spec: CellSpec) -> None:
        await asyncio.to_thread(self.want, spec)

    async def retire(self, name: CellName) -> None:
        await asyncio.to_thread(self.unwant, name)

    async def cells(self) -> tuple[CellSpec, ...]:
        return await asyncio.to_thread(self.wanted)

    async def upgrade(self, name: CellName, version: str) -> None:
        await asyncio.to_thread(self.want_version, name, version)

    async def revisions(self, version: str) -> tuple[str, ...]:
        return (await asyncio.to_thread(self.builds.require, version)).revisions

    async def migrate(self, name: CellName, version: str, limits: MigrationLimits) -> str:
        build = await asyncio.to_thread(self.builds.require, version)
        return await migrate_with(build, await asyncio.to_thread(self._database, name), limits)

    def want_version(self, name: CellName, version: str) -> None:
        """The supervisor then starts a process of that build, and ends the one before, which drains, when it is ready."""
        wish = next((cell for cell in self.wanted() if cell.name == name), None)
        if wish is None:
            raise ProvisionError(f"there is no cell {name!r} on this machine")
        wanted = replace(wish, version=self._kept_version(version))
        if wanted != wish:
            self._write(wanted)

    def want(self, spec: CellSpec) -> None:
        """Write the wish, whole or not at all; the same wish again changes nothing, and never a version."""
        if not NAME.fullmatch(spec.name):
            raise ProvisionError(f"cell name {spec.name!r} is not allowed: a letter, then letters, digits and '-', 2 to 32 in all")
        known = {cell.name: cell for cell in self.wanted()}
        if spec.name in known:
            if known[spec.name].region != spec.region:
                raise ProvisionError(f"cell {spec.name!r} exists in region {known[spec.name].region!r}")
            return
        if len(known) >= CELLS_MAX:
            raise ProvisionError(f"this machine has {len(known)} cells, and at most {CELLS_MAX} are allowed")
        self._write(spec if not spec.version else replace(spec, version=self._kept_version(spec.version)))

    def unwant(self, name: CellName) -> None:
        """The wish goes aside; the cell's folder stays."""
        wish = self.home / "cells" / name / "cell.json"
        if wish.exists():
            wish.rename(wish.with_name("retired.json"))

    def wanted(self) -> tuple[CellSpec, ...]:
        """Every wish that can be read; a broken file raises ProvisionError naming it."""
        return tuple(_read(path) for path in sorted(self.home.glob("cells/*/cell.json")))

    def _kept_version(self, version: str) -> str:
        """Our own code is kept as no version: it stays our own after we were replaced. Raises ProvisionError."""
        return version if self.builds.require(version).path is not None else ""

    def _write(self, spec: CellSpec) -> None:
        write_private(self.home / "cells" / spec.name / "cell.json", json.dumps(asdict(spec)) + "\n")

    def _database(self, name: CellName) -> CellDatabase:
        """Raises ProvisionError where the cell has none yet."""
        port = Ports(self.home / "ports.json").kept(f"{name}-postgres")
        if port is None:
            raise ProvisionError(f"cell {name} has no database on this machine")
        server = Postgres(Layout(self.home).cell(name) / "postgres", port)
        return CellDatabase(name, server.url(password=False), server.password(OWNER), server.password(APP_ROLE))


def _read(path: Path) -> CellSpec:
    try:
        record = json.loads(path.read_text())
        return CellSpec(name=CellName(record["name"]), region=str(record["region"]), version=str(record.get("version", "")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProvisionError(f"{path} is not a cell description: {error!r}") from error
