"""A small workspace is compared at the moment of its copy: no stream has begun, so both cells hold the same if all went well.

That spares a second moment in both databases and the connections it takes (docs/adr/0024-small-moves.md). What is told from then on
is what `proving` tells of any proof: every change behind that moment at the original, and every change whatever in the copy.
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack

import structlog
from sqlalchemy import Table

from cells.runtime.transfer.moving.changes import FOLLOWING_FAILURES, following
from cells.runtime.transfer.moving.comparing import Comparison
from cells.runtime.transfer.moving.names import slot_of, stream_of
from cells.runtime.transfer.moving.owner import OwnerDatabase, url_of
from cells.runtime.transfer.moving.proving import Proof
from cells.runtime.transfer.moving.publishing import publish

PROVED_ROWS_MAX = 10_000
"""Compared within some 50 ms, for which the giving cell keeps the moment longer; more are compared when the stream has begun."""
log = structlog.get_logger("transfer")


async def compare_copy(
    database: OwnerDatabase, tables: tuple[Table, ...], proof: Proof, held: AsyncExitStack, sizes: Mapping[str, int]
) -> bool:
    """The original line of `proof` sees the moment of the copy still. False: it is to be compared later, as any other.

    The copy's changes are followed from before it is read, so what is not compared now is told.
    """
    original, copy = proof.lines
    try:
        await publish(database, tables, proof.move_id, proof.workspace_id)
        slot = f"{slot_of(proof.move_id, database.database)}_p"
        here = await held.enter_async_context(following(database.url, slot, stream_of(proof.move_id), tables))
        await copy.execute("SET timezone = 'UTC'")
        async with copy.transaction(isolation="repeatable_read", readonly=True):
            await Comparison(original, copy, proof.workspace_id, proof.compared, proof.pace).whole(tables, sizes)
        proof.changes = (here,)
    except* FOLLOWING_FAILURES as errors:
        log.warning("copy not compared yet", move=proof.move_id, problem=repr(errors.exceptions[0])[:300])
    return bool(proof.changes)


async def follow_original(tables: tuple[Table, ...], proof: Proof, slot: str, position: str, held: AsyncExitStack) -> bool:
    """Every change behind `position`, the moment of the copy: the move's `slot` stands there. False: as in `compare_copy`."""
    try:
        stream = stream_of(proof.move_id)
        there = following(url_of(proof.source), f"{slot}_p", stream, tables, copied_from=slot, position=position)
        proof.changes = (await held.enter_async_context(there), *proof.changes)
    except* FOLLOWING_FAILURES as errors:
        log.warning("copy not compared yet", move=proof.move_id, problem=repr(errors.exceptions[0])[:300])
    return len(proof.changes) == 2
