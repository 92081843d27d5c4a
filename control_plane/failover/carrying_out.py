"""Carries decided failovers out: the new owner is opened, and a lost cell that comes back is fenced before anybody may reach it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from prometheus_client import Gauge

from chassis.errors import WaggleError
from chassis.identity import CellName
from control_plane.moves.steps import Doors
from control_plane.registry import DATABASE_AWAY, Cell, CellState, Failover, FailoverStage, Registry, WorkspaceState
from protos.cell.v1 import cell_pb2

EVERY_S = 1.0
ASK_S_MAX = 10.0
BATCH_MAX = 500
TOGETHER_MAX = 8

UNFINISHED = Gauge("waggle_failovers_unfinished", "Workspaces given to another cell, with something left to be told to a cell", ["stage"])
log = structlog.get_logger("control_plane.failover")


@dataclass(frozen=True, slots=True)
class CarryingOut:
    registry: Registry
    doors: Doors

    async def run(self) -> None:
        """Until cancelled. Any number of replicas may: every verb may be said again."""
        while True:
            try:
                await self.sweep()
            except DATABASE_AWAY as error:
                log.warning("database_away", error=repr(error))
            await asyncio.sleep(EVERY_S)

    async def sweep(self) -> None:
        """One pass: open what waits, fence who is back, let the fenced serve what is left to them."""
        cells = {cell.name: cell for cell in await self.registry.cells.list()}
        room = asyncio.Semaphore(TOGETHER_MAX)
        for stage in (FailoverStage.OPENING, FailoverStage.FENCING):
            found = await self.registry.failovers.unfinished(stage=stage, limit=BATCH_MAX)
            UNFINISHED.labels(stage).set(len(found))
            await asyncio.gather(*(self._turn(failover, cells, room) for failover in found))
        await self._take_back(list(cells.values()))

    async def _turn(self, failover: Failover, cells: Mapping[CellName, Cell], room: asyncio.Semaphore) -> None:
        async with room:
            try:
                if failover.stage is FailoverStage.OPENING:
                    await self._open(failover, cells[failover.target])
                else:
                    await self._fence(failover, cells[failover.source])
            except WaggleError as error:
                if str(error) != failover.problem:
                    log.warning("failover_waits", workspace=failover.workspace_id, stage=failover.stage, error=str(error))
                    await self.registry.failovers.note_problem(failover, str(error))

    async def _open(self, failover: Failover, target: Cell) -> None:
        """A suspended workspace is opened by whoever resumes it. One that has gone on since is not ours to open."""
        row = await self.registry.workspaces.require(failover.workspace_id)
        if row.state is WorkspaceState.ACTIVE and (row.cell, row.epoch) == (failover.target, failover.epoch):
            request = cell_pb2.OpenRequest(workspace_id=failover.workspace_id, epoch=failover.epoch)
            await self.doors.ask(target, lambda stub: stub.Open(request, timeout=ASK_S_MAX))
            log.info("failover_opened", workspace=failover.workspace_id, cell=target.name, epoch=failover.epoch)
        await self.registry.failovers.advance(failover, FailoverStage.FENCING)

    async def _fence(self, failover: Failover, source: Cell) -> None:
        """Nothing to do while it is away; for ever away where it is retired."""
        if source.healthy:
            request = cell_pb2.RetireRequest(workspace_id=failover.workspace_id, epoch=failover.epoch, cell=failover.target)
            await self.doors.ask(source, lambda stub: stub.Retire(request, timeout=ASK_S_MAX))
            log.info("failover_fenced", workspace=failover.workspace_id, cell=source.name, epoch=failover.epoch)
        if source.healthy or source.state is CellState.RETIRED:
            await self.registry.failovers.advance(failover, FailoverStage.DONE)

    async def _take_back(self, cells: list[Cell]) -> None:
        """A lost cell that is back and owes nothing more drains: it serves what only it has until that has moved."""
        for cell in cells:
            if cell.state is CellState.LOST and cell.healthy and not await self.registry.failovers.owed_by(cell.name):
                await self.registry.cells.change_state(cell.name, CellState.LOST, CellState.DRAINING)
                log.warning("lost_cell_back", cell=cell.name)
