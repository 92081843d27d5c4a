"""What a place must offer to hold cells: this machine does (local.py), a Kubernetes cluster can."""

from dataclasses import dataclass
from typing import Protocol

from chassis.identity import CellName


@dataclass(frozen=True, slots=True)
class CellSpec:
    """A cell as it is wanted. Equal specs describe the same cell."""

    name: CellName
    region: str = "local"
    version: str = ""
    """Of its processes; empty: what the place itself runs."""


@dataclass(frozen=True, slots=True)
class MigrationLimits:
    """How long a migration may stand in people's way: whoever wants a table that it waits for waits behind it."""

    lock_timeout_s: float = 3.0
    statement_timeout_s: float = 60.0


class Provisioner(Protocol):
    """States what is wanted; somebody who watches makes it so. Every call may be repeated."""

    async def create(self, spec: CellSpec) -> None:
        """Want the cell. Returns when that is on record, before the cell serves. Raises ProvisionError."""

    async def retire(self, name: CellName) -> None:
        """Want it no more: its processes are stopped. Its data stay where they are, for an administrator to delete."""

    async def cells(self) -> tuple[CellSpec, ...]:
        """All that are wanted, by name."""

    async def upgrade(self, name: CellName, version: str) -> None:
        """Want the cell's processes to be of `version`. Returns when that is on record, before any of them is.

        A process says in its heartbeats what it is (WAGGLE_BUILD). Raises ProvisionError.
        """

    async def revisions(self, version: str) -> tuple[str, ...]:
        """Of a cell's schema that `version` knows, oldest first; empty where that cannot be told.

        Raises ProvisionError for a version that is not here, naming those that are.
        """

    async def migrate(self, name: CellName, version: str, limits: MigrationLimits) -> str:
        """Bring the cell's tables to the newest revision that `version` knows, all or nothing; returns where they stand.

        Raises MigrationHalted, ProvisionError.
        """
