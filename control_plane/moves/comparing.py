"""Nothing is decided unproved: the taking cell compares both at one moment, and what changed since while the giver is sealed."""

from typing import TYPE_CHECKING, Any

from control_plane.moves.outcomes import StepRefused
from protos.cell.v1 import transfer_pb2

if TYPE_CHECKING:
    from control_plane.moves.steps import Work
    from control_plane.registry import Cell

WAIT_MS = 250
AGAIN_S = 0.5
"""After an attempt that failed; the cell gives up after a few."""
REST_S_MAX = 10.0


async def prove(work: "Work", giver: "Cell", taker: "Cell", wait_ms: int = WAIT_MS) -> transfer_pb2.CompareReply:
    """How far the taker is. Raises StepRefused where the two cells differ; a comparison that failed is begun again."""
    request = transfer_pb2.CompareRequest(**work.key, connection=await work.connection(giver), wait_ms=wait_ms, speed=work.speed)
    reply: transfer_pb2.CompareReply = await work.say(taker, "Compare", request)
    _refuse(reply)
    return reply


async def prove_rest(work: "Work", taker: "Cell", number: int) -> transfer_pb2.CompareRestReply:
    """While people wait: once the seal with mark `number` is made, what changed since the two were seen equal.

    Raises StepRefused where they differ now.
    """
    request = transfer_pb2.CompareRestRequest(**work.key, number=number)
    reply: transfer_pb2.CompareRestReply = await work.say(taker, "CompareRest", request, REST_S_MAX)
    _refuse(reply)
    return reply


def _refuse(reply: Any) -> None:
    if reply.differs:
        raise StepRefused(f"the two cells differ in {'; '.join(reply.differs)}")
