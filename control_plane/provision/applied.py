"""Cells that people apply to a cluster themselves (`waggle cell apply`): here they are known, and nothing is done about them."""

from chassis.identity import CellName
from control_plane.provision.errors import ProvisionError
from control_plane.provision.interface import CellSpec, MigrationLimits


class AppliedCells:
    """The control plane needs no rights on the cluster, so whoever takes it over cannot end a cell."""

    async def create(self, spec: CellSpec) -> None:
        """Its first heartbeat makes it active."""

    async def retire(self, name: CellName) -> None:
        """Who asked ends its processes."""

    async def cells(self) -> tuple[CellSpec, ...]:
        return ()

    async def upgrade(self, name: CellName, version: str) -> None:
        raise ProvisionError(f"{name} is brought to {version} by whoever has rights on its cluster: waggle fleet apply")

    async def revisions(self, version: str) -> tuple[str, ...]:  # noqa: ARG002 - nobody here can tell
        return ()

    async def migrate(self, name: CellName, version: str, limits: MigrationLimits) -> str:  # noqa: ARG002 - the same
        raise ProvisionError(f"{name} is brought to {version} by whoever has rights on its cluster: waggle fleet apply")
