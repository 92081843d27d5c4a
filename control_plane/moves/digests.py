"""Comparing the two cells' digests."""

import asyncio
from typing import TYPE_CHECKING

from protos.cell.v1 import transfer_pb2

if TYPE_CHECKING:
    from control_plane.moves.steps import Work
    from control_plane.registry import Cell

DIGEST_S_MAX = 600.0
Place = tuple[str, int]


async def differing(work: "Work", buckets: tuple[int, ...]) -> set[Place]:
    """(table, bucket) whose count or hash is not the same in both; of `buckets`, or of all where none are named."""
    ours, theirs = await asyncio.gather(_digest(work, work.source, buckets), _digest(work, work.target, buckets))
    return {place for place in ours.keys() | theirs.keys() if ours.get(place) != theirs.get(place)}


async def _digest(work: "Work", cell: "Cell", buckets: tuple[int, ...]) -> dict[Place, tuple[int, str]]:
    request = transfer_pb2.DigestRequest(workspace_id=work.move.workspace_id, buckets=buckets)
    reply = await work.say(cell, "Digest", request, DIGEST_S_MAX)
    return {(found.table, found.bucket): (found.rows, found.hash) for found in reply.buckets}
