"""What the control plane asks of whoever makes cells real: local processes, later Kubernetes."""

from dataclasses import dataclass
from typing import Protocol

from chassis.identity import CellName


@dataclass(frozen=True, slots=True)
class CellSpec:
    """A cell as it is wanted. Everything else (ports, passwords, folders) is the provisioner's to choose."""

    name: CellName
    region: str


class Provisioner(Protocol):
    async def create(self, spec: CellSpec) -> None:
        """Want this cell; returns once the wish is recorded, long before the cell lives. Idempotent. Raises ProvisionError."""
