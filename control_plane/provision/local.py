"""Cells on this machine: HOME/cells/NAME/cell.json is the wish, the supervisor fulfils it."""

import asyncio
import json
import re
from dataclasses import asdict
from pathlib import Path

from chassis.identity import CellName
from control_plane.provision.errors import ProvisionError
from control_plane.provision.interface import CellSpec
from control_plane.provision.secret_files import write_private

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}[a-z0-9]")
CELLS_MAX = 64
"""On one machine; each cell brings a PostgreSQL and a Valkey."""


class LocalProvisioner:
    def __init__(self, home: Path) -> None:
        self.home = home

    async def create(self, spec: CellSpec) -> None:
        await asyncio.to_thread(self.want, spec)

    async def retire(self, name: CellName) -> None:
        await asyncio.to_thread(self.unwant, name)

    async def cells(self) -> tuple[CellSpec, ...]:
        return await asyncio.to_thread(self.wanted)

    def want(self, spec: CellSpec) -> None:
        """Write the wish, whole or not at all; the same wish again changes nothing."""
        if not NAME.fullmatch(spec.name):
            raise ProvisionError(f"cell name {spec.name!r} is not allowed: a letter, then letters, digits and '-', 2 to 32 in all")
        known = {cell.name: cell for cell in self.wanted()}
        if known.get(spec.name, spec) != spec:
            raise ProvisionError(f"cell {spec.name!r} exists in region {known[spec.name].region!r}")
        if spec.name not in known and len(known) >= CELLS_MAX:
            raise ProvisionError(f"this machine has {len(known)} cells, and at most {CELLS_MAX} are allowed")
        write_private(self.home / "cells" / spec.name / "cell.json", json.dumps(asdict(spec)) + "\n")

    def unwant(self, name: CellName) -> None:
        """The wish goes aside; the cell's folder stays."""
        wish = self.home / "cells" / name / "cell.json"
        if wish.exists():
            wish.rename(wish.with_name("retired.json"))

    def wanted(self) -> tuple[CellSpec, ...]:
        """Every wish that can be read; a broken file raises ProvisionError naming it."""
        return tuple(_read(path) for path in sorted(self.home.glob("cells/*/cell.json")))


def _read(path: Path) -> CellSpec:
    try:
        record = json.loads(path.read_text())
        return CellSpec(name=CellName(record["name"]), region=str(record["region"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProvisionError(f"{path} is not a cell description: {error!r}") from error
