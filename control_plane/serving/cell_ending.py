"""The end of a cell: no new workspaces, those it has moved away, its processes stopped. Each step may be said again."""

from dataclasses import dataclass

from control_plane.moves import Drainer
from control_plane.provision.errors import ProvisionError
from control_plane.provision.interface import Provisioner
from control_plane.registry import Cell, CellState, Registry
from control_plane.serving.refusals import CellInUse


@dataclass(frozen=True, slots=True)
class CellEnding:
    registry: Registry
    provisioner: Provisioner | None
    drainer: Drainer

    async def drain(self, name: str) -> Cell:
        """Raises TransitionRefused for a cell that is not active, CellInUse where it is the last that serves its region."""
        cell = await self.registry.cells.require(name)
        if cell.state is not CellState.DRAINING:
            await self._require_another(cell)
            await self.registry.cells.change_state(name, cell.state, CellState.DRAINING)
        return await self.registry.cells.require(name)

    async def undrain(self, name: str) -> Cell:
        """New workspaces may come again; moves that run go on to their end."""
        cell = await self.registry.cells.require(name)
        if cell.state is not CellState.ACTIVE:
            await self.registry.cells.change_state(name, cell.state, CellState.ACTIVE)
        return await self.registry.cells.require(name)

    async def retire(self, name: str) -> Cell:
        """Raises CellInUse while a workspace lives there or could be taken back there, ProvisionError, TransitionRefused."""
        cell = await self.registry.cells.require(name)
        await self._require_empty(cell)
        if self.provisioner is None:
            raise ProvisionError("this control plane provisions no cells; stop the cell's processes by hand")
        if cell.state is not CellState.RETIRED:
            await self.registry.cells.change_state(name, cell.state, CellState.RETIRED)
        await self.provisioner.retire(cell.name)
        return await self.registry.cells.require(name)

    async def _require_another(self, cell: Cell) -> None:
        others = [other for other in await self.registry.cells.list() if other.name != cell.name and other.region == cell.region]
        if cell.workspaces and not any(other.state is CellState.ACTIVE and other.healthy and not other.dedicated for other in others):
            raise CellInUse(f"{cell.name} is the only cell that serves region {cell.region}; its workspaces could go nowhere")

    async def _require_empty(self, cell: Cell) -> None:
        drain = await self.drainer.show(cell)
        held = (
            (drain.left, "workspaces live there: waggle cell drain empties it"),
            (drain.moving, "moves from or to it are running"),
            (drain.windows, "moves can still be rolled back to it: waggle move finish closes a window"),
        )
        if reasons := [f"{count} {what}" for count, what in held if count]:
            raise CellInUse(f"{cell.name} cannot be retired: {'; '.join(reasons)}")
