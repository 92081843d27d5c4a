"""A new cell: its row, then the wish for it; its first heartbeat makes it active."""

from dataclasses import dataclass

import structlog

from control_plane.provision.errors import ProvisionError
from control_plane.provision.interface import CellSpec, Provisioner
from control_plane.registry import CAPACITY_WORKSPACES_DEFAULT, REGION_DEFAULT, Cell, CellState, Conflict, Registry
from control_plane.serving.names import check_cell_name, check_word
from control_plane.serving.refusals import InvalidRequest, one_line

CAPACITY_MAX = 1_000_000
log = structlog.get_logger("control_plane.cells")


@dataclass(frozen=True, slots=True)
class CellCreation:
    registry: Registry
    provisioner: Provisioner | None

    async def create(self, name: str, region: str, *, dedicated: bool, capacity_workspaces: int) -> Cell:
        """Empty fields take their defaults. Raises InvalidRequest, NameTaken, ProvisionError (the row is retired then)."""
        _check(name, region, capacity_workspaces)
        if self.provisioner is None:
            raise ProvisionError("this control plane provisions no cells; start one by hand and it registers itself")
        capacity = capacity_workspaces or CAPACITY_WORKSPACES_DEFAULT
        row = await self.registry.cells.insert(name, region or REGION_DEFAULT, dedicated=dedicated, capacity_workspaces=capacity)
        await self._want(row, self.provisioner)
        return row

    async def repeat_wishes(self) -> None:
        """For rows whose wish was lost with the process that should have made it. Wishes may be repeated."""
        if self.provisioner is None:
            return
        for row in await self.registry.cells.list():
            if row.state == CellState.PROVISIONING:
                try:
                    await self._want(row, self.provisioner)
                except (ProvisionError, Conflict) as error:
                    log.warning("cell_not_provisioned", cell=row.name, why=one_line(error))

    async def _want(self, row: Cell, provisioner: Provisioner) -> None:
        try:
            version = await self.registry.rollouts.settled_version()
            await provisioner.create(CellSpec(name=row.name, region=row.region, version=version))
        except ProvisionError:
            await self.registry.cells.change_state(row.name, CellState.PROVISIONING, CellState.RETIRED)
            raise


def _check(name: str, region: str, capacity_workspaces: int) -> None:
    if name:
        check_cell_name(name)
    check_word(region, "region")
    if capacity_workspaces > CAPACITY_MAX:
        raise InvalidRequest(f"capacity {capacity_workspaces} is not allowed; at most {CAPACITY_MAX} workspaces")
