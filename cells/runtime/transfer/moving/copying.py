"""The taking side of a copy: a slot, one exact moment of the workspace, COPY of what lies before it, a subscription to what comes after.

Tables are copied in the order of their keys, part by part, each with a bookmark, so a copy that was interrupted goes on where it
stopped: at a new moment, to which the rows that are here already are brought first (docs/adr/0009-exact-comparison.md).
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Table

from cells.runtime.transfer.moving.bookmarks import WHOLE, Bookmark, forget_bookmark, read_bookmark
from cells.runtime.transfer.moving.carrying import carry, nothing_more
from cells.runtime.transfer.moving.cutting import cut, reading
from cells.runtime.transfer.moving.errors import CannotMove
from cells.runtime.transfer.moving.keyset import Part, next_part, sizes_up_to
from cells.runtime.transfer.moving.names import mark_of, slot_of, stream_of
from cells.runtime.transfer.moving.owner import Owner, OwnerDatabase
from cells.runtime.transfer.moving.pacing import PORTION_ROWS_FIRST, Pace, Portion
from cells.runtime.transfer.moving.proofs import Proofs
from cells.runtime.transfer.moving.proving import Proof
from cells.runtime.transfer.moving.proving_copies import PROVED_ROWS_MAX, compare_copy, follow_original
from cells.runtime.transfer.moving.publishing import unpublish
from cells.runtime.transfer.moving.purging import delete_rows
from cells.runtime.transfer.moving.renewing import changed_since, renew
from cells.runtime.transfer.moving.subscribing import is_kept, make_slot_by, subscribe
from cells.runtime.transfer.moving.travelling import Key
from chassis.identity import WorkspaceId

PART_ROWS_MIN, PART_ROWS_MAX = 2_000, 20_000
PARTS_MIN = 10
"""A part is at most this share of what was copied before it, so that a crash costs no more."""


@dataclass
class Copying:
    """One copy in progress in this process."""

    rows: int = 0
    bytes: int = 0
    rows_here: int = 0
    """Of `rows`, those that this attempt copied."""
    problem: str = ""
    pace: Pace = field(default_factory=Pace)
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)

    @property
    def running(self) -> bool:
        return self.task is not None and not self.task.done()

    @property
    def whole(self) -> bool:
        ended = self.task is not None and self.task.done() and not self.task.cancelled() and self.task.exception() is None
        return ended and not self.problem

    async def ends_well(self, wait_s: float) -> bool:
        """Whether it is whole after at most `wait_s`."""
        assert self.task is not None
        await asyncio.wait({self.task}, timeout=wait_s)
        return self.whole

    async def told(self, size: int) -> None:
        self.bytes += size
        await self.pace.breathe()

    async def noted(self, size: int) -> None:
        """As `told`, without a rest: one in the middle of a portion hides what it costs, for the taking database works on meanwhile."""
        self.bytes += size


@dataclass(frozen=True)
class Ends:
    """Both databases, and what is copied between them."""

    reader: Owner
    target: Owner
    tables: tuple[Table, ...]
    workspace_id: WorkspaceId
    source: str
    slot: str


async def copy_workspace(
    database: OwnerDatabase,
    tables: tuple[Table, ...],
    move_id: str,
    workspace_id: WorkspaceId,
    source: str,
    progress: Copying,
    proofs: Proofs,
) -> None:
    """From nothing, or from what an interrupted copy left, to a subscription that follows; a small one is proved. Raises CannotMove."""
    slot = slot_of(move_id, dict(word.split("=", 1) for word in source.split())["dbname"])
    async with AsyncExitStack() as held:
        target = await held.enter_async_context(database.connected(workspace_id))
        reader = await held.enter_async_context(reading(source))
        if not await target.fetchval("SELECT pg_try_advisory_lock(hashtext($1))", stream_of(move_id)):
            raise CannotMove("another process of this cell copies already")
        ends = Ends(reader, target, tables, workspace_id, source, slot)
        bookmark = await read_bookmark(target, move_id)
        if bookmark is None or not await is_kept(reader, slot):
            bookmark = await _begin(ends, move_id, database)
        proof = Proof(move_id, workspace_id, source, lines=(reader, target))
        async with _at_one_moment(ends, bookmark, progress):
            sizes = await _copy_all(ends, bookmark, progress)
            small = bookmark.rows <= PROVED_ROWS_MAX and proofs.room and await compare_copy(database, tables, proof, held, sizes)
        await reader.execute("SELECT pg_replication_slot_advance($1, $2::text::pg_lsn)", slot, bookmark.position)
        small = small and await follow_original(tables, proof, slot, bookmark.position, held)
        await subscribe(target, move_id, source, slot)
        if small:
            await target.execute("SELECT pg_advisory_unlock_all()")
            await proofs.keep(database, proof, held.pop_all())


async def _begin(ends: Ends, move_id: str, database: OwnerDatabase) -> Bookmark:
    await unpublish(database, move_id)  # by a copy that was compared and then interrupted: nobody follows it before this one ends
    await forget_bookmark(ends.target, move_id)
    await delete_rows(ends.target, ends.tables, ends.workspace_id)
    await make_slot_by(ends.reader, ends.source, ends.slot)
    return Bookmark(move_id)


@asynccontextmanager
async def _at_one_moment(ends: Ends, bookmark: Bookmark, progress: Copying) -> AsyncIterator[None]:
    """The reader sees one moment, and what was copied before is brought to it."""
    marks = f"{mark_of(bookmark.move_id)}:copy:"
    mark = marks + secrets.token_hex(4)
    async with cut(ends.source, ends.reader, ends.workspace_id, marks, mark) as position:
        if bookmark.position:
            try:
                changed = await changed_since(ends.source, ends.slot, ends.tables, bookmark, mark)
            except CannotMove:
                await forget_bookmark(ends.target, bookmark.move_id)  # the next attempt begins from nothing
                raise
            progress.rows_here += await renew(ends.reader, ends.target, ends.tables, ends.workspace_id, bookmark, changed, position)
        else:
            bookmark.position = position
            await bookmark.save(ends.target)
        progress.rows = bookmark.rows
        yield


async def _copy_all(ends: Ends, bookmark: Bookmark, progress: Copying) -> dict[str, int]:
    """The small tables together, the others part by part. Returns how many rows each has, counted to PART_ROWS_MIN + 1."""
    progress.pace.begin()
    sizes = await sizes_up_to(ends.reader, ends.tables, ends.workspace_id, PART_ROWS_MIN)
    small_rows_max = PART_ROWS_MIN if progress.pace.speed >= 1.0 else PORTION_ROWS_FIRST
    for table in ends.tables:
        if sizes[table.name] > small_rows_max:
            await _copy_parts(ends, table, bookmark, progress)
    small = [table for table in ends.tables if 0 < sizes[table.name] <= small_rows_max]
    await _copy_together(ends, [Part(table, bookmark.places.get(table.name), marks=True) for table in small], bookmark, progress)
    return sizes


async def _copy_parts(ends: Ends, table: Table, bookmark: Bookmark, progress: Copying) -> None:
    """At full speed the reader looks for the end of the next part while the target, which is slower, takes in the rest of this one."""
    portion, ahead = Portion(progress.pace), list[tuple[Part, int]]()

    async def look(after: Key | None) -> None:
        rows_max = portion.of(min(PART_ROWS_MAX, max(PART_ROWS_MIN, bookmark.rows // PARTS_MIN)))
        ahead.append((await next_part(ends.reader, table, ends.workspace_id, after, rows_max, marks=True), rows_max))

    while (place := bookmark.places.get(table.name)) != WHOLE:
        if not ahead:
            await look(place)
        part, rows_max = ahead.pop()
        then = partial(look, part.last) if part.last is not None and progress.pace.speed >= 1.0 else nothing_more
        await _copy_together(ends, [part], bookmark, progress, then)
        await portion.done(rows_max)  # not before: the taking database is behind what was read, and works while the reader rests


async def _copy_together(
    ends: Ends, parts: Sequence[Part], bookmark: Bookmark, progress: Copying, then: Callable[[], Awaitable[None]] = nothing_more
) -> None:
    """These parts and their bookmark come together or not at all."""
    rows = 0
    async with ends.target.transaction():
        await ends.target.execute("SET LOCAL synchronous_commit = off")  # what a crash takes, it takes with its bookmark
        for part in parts:
            if bookmark.places.get(part.table.name) != WHOLE:
                told = progress.told if progress.pace.speed >= 1.0 else progress.noted
                arguments = part.arguments(ends.workspace_id)
                rows += await carry(ends.reader, ends.target, part.table, part.where, *arguments, told=told, then=then)
                bookmark.places[part.table.name] = WHOLE if part.last is None else part.last
                if part is not parts[-1]:
                    await progress.pace.breathe()
        bookmark.rows += rows
        await bookmark.save(ends.target)
    progress.rows_here += rows
    progress.rows = bookmark.rows
