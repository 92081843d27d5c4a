"""The taking side: a slot, one exact cut of the workspace, COPY of what lies before it, a subscription to what comes after.

The cut needs no exported snapshot: every writer of a workspace holds its tenancy row, so while that row is locked a snapshot holds
exactly what was committed before the log position of that moment, and the slot is advanced to it (docs/adr/0011-moves.md).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
from sqlalchemy import Table

from cells.runtime.transfer.moving.errors import CannotMove
from cells.runtime.transfer.moving.names import slot_of, stream_of
from cells.runtime.transfer.moving.owner import CONNECT_S_MAX, Owner, OwnerDatabase, url_of
from cells.runtime.transfer.moving.pacing import Pace
from cells.runtime.transfer.moving.purging import delete_rows
from cells.runtime.transfer.moving.travelling import columns, quoted
from chassis.identity import WorkspaceId

SLOT_S_MAX = 10.0
CUT_LOCK_S_MAX = 2.0
QUEUE_CHUNKS_MAX = 64


@dataclass
class Copying:
    """One copy in progress in this process."""

    rows: int = 0
    bytes: int = 0
    problem: str = ""
    pace: Pace = field(default_factory=Pace)
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)


async def is_following(connection: Owner, move_id: str) -> bool:
    """Whether the subscription is there; it is made last, so it says that the copy is whole."""
    mine = "SELECT 1 FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid AND d.datname = current_database() WHERE subname = $1"
    return bool(await connection.fetchval(mine, stream_of(move_id)))


async def copy_workspace(
    database: OwnerDatabase, tables: tuple[Table, ...], move_id: str, workspace_id: WorkspaceId, source: str, progress: Copying
) -> None:
    """From nothing, or from what an interrupted copy left, to a subscription that follows. Raises CannotMove."""
    publisher = dict(word.split("=", 1) for word in source.split())["dbname"]
    slot = slot_of(move_id, publisher)
    async with database.connected(workspace_id) as target, _reading(source) as reader:
        if not await target.fetchval("SELECT pg_try_advisory_lock(hashtext($1))", stream_of(move_id)):
            raise CannotMove("another process of this cell copies already")
        await delete_rows(target, tables, workspace_id)
        await make_slot(source, slot)
        async with _cut(source, reader, slot, workspace_id):
            for table in tables:
                await _copy(reader, target, table, workspace_id, progress)
        await subscribe(target, move_id, source, slot)


@asynccontextmanager
async def _reading(source: str) -> AsyncIterator[Owner]:
    connection = await asyncpg.connect(url_of(source), timeout=CONNECT_S_MAX)
    try:
        yield connection
    finally:
        await connection.close(timeout=CONNECT_S_MAX)


async def make_slot(source: str, slot: str) -> None:
    """A fresh slot. It waits for every transaction open in that database; past the bound the longest is named."""
    async with _reading(source) as connection:
        there = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active"
        await connection.execute(there, slot)
        try:
            await connection.execute("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", slot, timeout=SLOT_S_MAX)
        except TimeoutError:
            raise CannotMove(f"no replication slot within {SLOT_S_MAX:.0f} s; waits for {await _oldest(source)}") from None


async def _oldest(source: str) -> str:
    longest = (
        "SELECT pid, application_name, extract(epoch FROM now() - xact_start)::int AS age_s FROM pg_stat_activity"
        " WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid() ORDER BY xact_start LIMIT 1"
    )
    async with _reading(source) as connection:
        row = await connection.fetchrow(longest)
    return (
        f"pid {row['pid']} ({row['application_name'] or 'unnamed'}, open for {row['age_s']} s)" if row else "a transaction that has ended"
    )


@asynccontextmanager
async def _cut(source: str, reader: Owner, slot: str, workspace_id: WorkspaceId) -> AsyncIterator[None]:
    """`reader` sees the workspace as of one moment; the slot gives what came after that moment. Writers wait for milliseconds."""
    advance = "SELECT pg_replication_slot_advance($1, pg_current_wal_flush_lsn())"
    async with _reading(source) as fence:
        await fence.execute(advance, slot)  # the bulk of it, while nobody waits
        await fence.execute(f"SET lock_timeout = {int(CUT_LOCK_S_MAX * 1000)}")
        lock = fence.transaction()
        await lock.start()
        try:
            await fence.execute("SELECT 1 FROM tenancy WHERE workspace_id = $1 FOR NO KEY UPDATE", workspace_id)
            snapshot = reader.transaction(isolation="repeatable_read", readonly=True)
            await snapshot.start()
            try:
                await reader.execute("SELECT 1 FROM tenancy LIMIT 1")  # the snapshot is taken by the first statement
                await fence.execute(advance, slot, timeout=CUT_LOCK_S_MAX)
                await lock.rollback()
                yield
            finally:
                await snapshot.rollback()
        finally:
            if fence.is_in_transaction():
                await lock.rollback()


async def _copy(reader: Owner, target: Owner, table: Table, workspace_id: WorkspaceId, progress: Copying) -> None:
    """Bytes go through as they are; a full queue holds the reader back."""
    chunks: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_CHUNKS_MAX)

    async def put(data: bytes) -> None:
        progress.bytes += len(data)
        await chunks.put(data)
        await progress.pace.breathe()

    async def read() -> None:
        try:
            query = f"SELECT {columns(table)} FROM {quoted(table)} WHERE workspace_id = $1"
            await reader.copy_from_query(query, workspace_id, output=put, format="binary")
        finally:
            await chunks.put(None)

    async def given() -> AsyncIterator[bytes]:
        while (chunk := await chunks.get()) is not None:
            yield chunk

    async with asyncio.TaskGroup() as both, target.transaction():
        reading = both.create_task(read())
        names = [column.name for column in sorted(table.columns, key=lambda column: column.name)]
        done = await target.copy_to_table(table.name, source=given(), columns=names, format="binary")
        await reading  # a copy whose reading failed half way is rolled back
        progress.rows += int(done.rpartition(" ")[2])


async def subscribe(target: Owner, move_id: str, source: str, slot: str) -> None:
    """Follow `slot`. `origin = none` passes over what came to the publisher by a subscription, so the two ways make no circle."""
    name = stream_of(move_id)
    if not await is_following(target, move_id):
        options = f"create_slot = false, slot_name = '{slot}', copy_data = false, origin = none, streaming = parallel"
        await target.execute(f"CREATE SUBSCRIPTION {name} CONNECTION '{source}' PUBLICATION {name} WITH ({options})")


async def unsubscribe(database: OwnerDatabase, move_id: str) -> None:
    """This side alone: the slot is the publisher's to drop, so a publisher that is away holds nothing up."""
    name = stream_of(move_id)
    async with database.connected() as connection:
        if await is_following(connection, move_id):
            await connection.execute(f"ALTER SUBSCRIPTION {name} DISABLE")
            await connection.execute(f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE)")
            await connection.execute(f"DROP SUBSCRIPTION {name}")
