"""What an administrator asks of failovers: first the plan, then the decision."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from chassis.errors import WaggleError
from chassis.identity import CellName, WorkspaceId
from control_plane.failover.planning import Left, Plan, Sealed, Step, plan
from control_plane.moves.steps import Doors
from control_plane.registry import Cell, CellState, Conflict, Registry, Workspace, WorkspaceState
from protos.cell.v1 import cell_pb2

CENSUS_S_MAX = 30.0
PAGE = 1_000
INCOMING = "incoming"
SETTLED = (WorkspaceState.ACTIVE, WorkspaceState.SUSPENDED)
GIVEN_UP = (CellState.ACTIVE, CellState.DRAINING, CellState.LOST)
log = structlog.get_logger("control_plane.failover")


class FailoverRefused(WaggleError):
    code = "failover_refused"


@dataclass(frozen=True, slots=True)
class FailoverDesk:
    registry: Registry
    doors: Doors

    async def plan(self, from_region: str, to_region: str, names: Sequence[str]) -> Plan:
        """Changes nothing. Raises FailoverRefused: a cell that lives, a region without cells; CellAway, CellRefused."""
        cells = await self.registry.cells.list()
        lost, takers = _lost(cells, from_region, names), _takers(cells, to_region, names)
        found = [workspace for cell in lost for workspace in await self._workspaces(cell)]
        sealed: dict[WorkspaceId, list[Sealed]] = {}
        for told in await asyncio.gather(*(self._sealed(cell) for cell in takers)):
            for workspace_id, one in told:
                sealed.setdefault(workspace_id, []).append(one)
        return plan(lost, found, sealed, to_region)

    async def apply(self, from_region: str, to_region: str, names: Sequence[str]) -> Plan:
        """Gives the cells up, then decides each step of the plan, a commit each; one that has changed meanwhile is left, with its reason.

        Said again it decides what is still to be decided.
        """
        wanted = await self.plan(from_region, to_region, names)
        for cell in wanted.lost:
            if cell.state is not CellState.LOST:
                await self.registry.cells.change_state(cell.name, cell.state, CellState.LOST)
                log.warning("cell_given_up", cell=cell.name)
        sources = {cell.name: cell for cell in wanted.lost}
        decided: list[Step] = []
        left = list(wanted.left)
        for step in wanted.steps:
            target = await self.registry.cells.require(step.target)
            try:
                await self.registry.failovers.decide(step.workspace, sources[step.workspace.cell], target)
            except Conflict as error:
                left.append(Left(step.workspace, str(error)))
                continue
            decided.append(step)
            log.warning(
                "workspace_failed_over", workspace=step.workspace.id, source=step.workspace.cell, cell=step.target, epoch=step.epoch
            )
        return replace(wanted, steps=tuple(decided), left=tuple(left))

    async def _workspaces(self, cell: Cell) -> list[Workspace]:
        found: list[Workspace] = []
        after = ""
        while page := await self.registry.workspaces.list(cell=cell.name, after=after, limit=PAGE):
            found += [workspace for workspace in page if workspace.state in SETTLED]
            after = page[-1].subdomain
        return found

    async def _sealed(self, cell: Cell) -> list[tuple[WorkspaceId, Sealed]]:
        census = await self.doors.ask(cell, lambda stub: stub.Census(cell_pb2.CensusRequest(), timeout=CENSUS_S_MAX))
        waiting = [row for row in census.tenancies if row.state == INCOMING and not row.moved_to]
        return [(WorkspaceId(row.workspace_id), Sealed(cell.name, row.epoch, row.seq)) for row in waiting]


def _lost(cells: Sequence[Cell], region: str, names: Sequence[str]) -> list[Cell]:
    there = {cell.name: cell for cell in cells if cell.region == region and cell.state in GIVEN_UP}
    if strange := sorted(set(names) - there.keys()):
        raise FailoverRefused(f"{', '.join(strange)}: no such cell in region {region}; there: {', '.join(sorted(there)) or 'none'}")
    chosen = [cell for name, cell in sorted(there.items()) if not names or name in names]
    if not chosen:
        raise FailoverRefused(f"region {region} has no cell whose workspaces could be given to others")
    for cell in chosen:
        if cell.healthy:
            raise FailoverRefused(
                f"{cell.name} lives: it was heard of seconds ago. Without loss its workspaces are moved by: waggle cell drain {cell.name}"
            )
    return chosen


def _takers(cells: Sequence[Cell], region: str, names: Sequence[str]) -> list[Cell]:
    takers = [cell for cell in cells if cell.region == region and cell.state is CellState.ACTIVE and cell.healthy]
    takers = [cell for cell in takers if CellName(cell.name) not in names]
    if not takers:
        raise FailoverRefused(f"region {region} has no active cell in good health; waggle cell restore makes one of a backup")
    return takers
