"""What a place must offer to hold cells: this machine does (local.py), a Kubernetes cluster can."""

from dataclasses import dataclass
from typing import Protocol

from chassis.identity import CellName


@dataclass(frozen=True, slots=True)
class CellSpec:
    """A cell as it is wanted. Equal specs describe the same cell."""

    name: CellName
    region: str = "local"


class Provisioner(Protocol):
    """States what is wanted; somebody who watches makes it so. Every call may be repeated."""

    async def create(self, spec: CellSpec) -> None:
        """Want the cell. Returns when that is on record, before the cell serves. Raises ProvisionError."""

    async def retire(self, name: CellName) -> None:
        """Want it no more: its processes are stopped. Its data stay where they are, for an administrator to delete."""

    async def cells(self) -> tuple[CellSpec, ...]:
        """All that are wanted, by name."""
