"""Two cells brought together: the taker fetches from a process of the giver, and the control plane carries no byte of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from control_plane.registry import Cell
from control_plane.serving.cell_doors import CellDoors, freshest
from protos.cell.v1 import attachments_pb2

ANSWER_S_MAX = 30.0


@dataclass(frozen=True, slots=True)
class AttachmentDoors:
    doors: CellDoors

    async def bring(self, workspace_id: str, giver: Cell, taker: Cell, wait_ms: int) -> bool:
        request = attachments_pb2.FetchRequest(workspace_id=workspace_id, address=freshest(giver).address, wait_ms=wait_ms)
        reply = await self._ask(taker, lambda stub: stub.Fetch(request, timeout=ANSWER_S_MAX))
        return bool(reply.done)

    async def clear(self, workspace_id: str, cell: Cell, home: Cell) -> bool:
        place = await self._ask(home, lambda stub: stub.Place(attachments_pb2.PlaceRequest(), timeout=ANSWER_S_MAX))
        request = attachments_pb2.ClearRequest(workspace_id=workspace_id, elsewhere=place.place)
        reply = await self._ask(cell, lambda stub: stub.Clear(request, timeout=ANSWER_S_MAX))
        return bool(reply.done)

    async def _ask(self, cell: Cell, what: Callable[[Any], Awaitable[Any]]) -> Any:
        return await self.doors.ask_attachments(cell, what)
