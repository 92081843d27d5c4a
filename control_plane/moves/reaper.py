"""What ended moves left in cells is taken away: an order that came late makes a publication nobody asks for any more, and an
orphan slot keeps WAL for ever. What belongs to no move that is known here is named and never touched.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from prometheus_client import Counter, Gauge

from chassis.errors import WaggleError
from control_plane.moves.steps import Doors
from control_plane.registry import DATABASE_AWAY, Cell, CellState, Move, MoveUnknown, Registry
from protos.cell.v1 import cell_pb2, transfer_pb2

EVERY_S = 60.0
ASK_S_MAX = 10.0
DROP_S_MAX = 30.0
INCOMING = "incoming"
_MOVE_ID = re.compile(r"mv_[0-9a-f]{12}")

REAPED = Counter("waggle_move_leftovers_reaped_total", "Moves whose leftovers were taken out of a cell.")
STRANGE = Gauge("waggle_move_leftovers_strange", "Leftovers that belong to no move of this registry.")
log = structlog.get_logger("control_plane.moves")


@dataclass(frozen=True, slots=True)
class Reaper:
    registry: Registry
    doors: Doors

    async def run(self) -> None:
        """Until cancelled. Any number of replicas may: every verb may be said again."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.sweep()
            except DATABASE_AWAY as error:
                log.warning("database_away", error=repr(error))

    async def sweep(self) -> None:
        """Every cell once; one that is away is looked at the next time."""
        strange = 0
        for cell in await self.registry.cells.list():
            if cell.state is CellState.RETIRED:
                continue
            try:
                strange += await self._sweep(cell)
            except WaggleError as error:
                log.warning("cell_not_swept", cell=cell.name, error=str(error))
        STRANGE.set(strange)

    async def _sweep(self, cell: Cell) -> int:
        left = await self.doors.ask_transfer(cell, lambda stub: stub.Leftovers(transfer_pb2.LeftoversRequest(), timeout=ASK_S_MAX))
        known = await self._known({found[0] for name in left.names if (found := _MOVE_ID.search(name))})
        for move in known.values():
            if move.ended:
                await self._reap(cell, move)
        strange = [name for name in left.names if not (found := _MOVE_ID.search(name)) or found[0] not in known]
        for name in strange:
            log.warning("strange_leftover", cell=cell.name, leftover=name)
        await self._forget_strays(cell)
        return len(strange)

    async def _known(self, move_ids: set[str]) -> Mapping[str, Move]:
        known: dict[str, Move] = {}
        for move_id in sorted(move_ids):
            try:
                known[move_id] = await self.registry.moves.require(move_id)
            except MoveUnknown:
                continue
        return known

    async def _reap(self, cell: Cell, move: Move) -> None:
        request = transfer_pb2.DropRequest(move_id=move.id, workspace_id=move.workspace_id)
        await self.doors.ask_transfer(cell, lambda stub: stub.Drop(request, timeout=DROP_S_MAX))
        REAPED.inc()
        log.info("leftovers_reaped", cell=cell.name, move=move.id)

    async def _forget_strays(self, cell: Cell) -> None:
        """Rows that wait for a workspace no unfinished move brings."""
        census = await self.doors.ask(cell, lambda stub: stub.Census(cell_pb2.CensusRequest(), timeout=ASK_S_MAX))
        for tenancy in census.tenancies:
            if tenancy.state != INCOMING:
                continue
            latest = await self.registry.moves.latest_of(tenancy.workspace_id)
            if latest is not None and latest.ended and latest.target == cell.name:
                await self._forget(cell, tenancy.workspace_id)

    async def _forget(self, cell: Cell, workspace_id: str) -> None:
        """A part at a time; what is left over is forgotten the next time."""
        request = transfer_pb2.PurgeRequest(workspace_id=workspace_id, forget=True)
        reply = await self.doors.ask_transfer(cell, lambda stub: stub.Purge(request, timeout=DROP_S_MAX))
        log.info("stray_rows_purged", cell=cell.name, workspace_id=workspace_id, rows=reply.rows, done=reply.done)
