"""One moment of a workspace, seen in both cells, while it is written (docs/adr/0009-exact-comparison.md).

Every writer of a workspace holds its tenancy row, so while that row is locked a snapshot holds exactly what was committed
before the log position of that moment. A row written under the same lock goes through the stream; at the taking side the same
key was inserted beforehand by a transaction that stays open, so the stream waits there: it has applied exactly as much.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg

from cells.runtime.transfer.moving.errors import CannotMove
from cells.runtime.transfer.moving.names import mark_of, stream_of
from cells.runtime.transfer.moving.owner import CONNECT_S_MAX, MODEST, Owner, OwnerDatabase, url_of
from chassis.identity import WorkspaceId

HOLD_S_MAX = 2.0
STREAM_S_MAX = 10.0
POLL_S = 0.001
POLL_S_MAX = 0.02

_MARK = "INSERT INTO cursors (workspace_id, name, seq) VALUES ($1, $2, 0)"
_FORGET = "DELETE FROM cursors WHERE workspace_id = $1 AND starts_with(name, $2)"
_WAITS = (
    "SELECT pg_backend_pid() = ANY (pg_blocking_pids(pid)) FROM pg_stat_subscription"
    " WHERE subname = $1 AND relid IS NULL AND leader_pid IS NULL"
    # On a server that both cells share, the other way's stream has the same name.
    " AND subid IN (SELECT s.oid FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = current_database())"
)


@asynccontextmanager
async def reading(source: str) -> AsyncIterator[Owner]:
    """A connection to the other cell's database, by the libpq keywords that `Publish` gave."""
    settings = {**MODEST, "timezone": "UTC"}
    connection = await asyncpg.connect(url_of(source), timeout=CONNECT_S_MAX, server_settings=settings)
    try:
        yield connection
    finally:
        await connection.close(timeout=CONNECT_S_MAX)


@asynccontextmanager
async def cut(source: str, reader: Owner, workspace_id: WorkspaceId, forgotten: str = "", mark: str = "") -> AsyncIterator[str]:
    """`reader` sees the workspace as of one moment, whose log position is yielded; writers wait for milliseconds.

    `mark` is written in that moment, so it travels between what the snapshot holds and what comes after; marks that begin with
    `forgotten` go.
    """
    async with AsyncExitStack() as stack:
        fence = await stack.enter_async_context(reading(source))
        await fence.execute(f"SET lock_timeout = {int(HOLD_S_MAX * 1000)}")
        async with fence.transaction():
            await fence.execute("SELECT 1 FROM tenancy WHERE workspace_id = $1 FOR NO KEY UPDATE", workspace_id)
            async with asyncio.timeout(HOLD_S_MAX):
                await stack.enter_async_context(snapshot(reader))
                position = await fence.fetchval("SELECT pg_current_wal_insert_lsn()::text")
                if mark:
                    await fence.execute(_FORGET, workspace_id, forgotten)
                    await fence.execute(_MARK, workspace_id, mark)
        yield str(position)


@asynccontextmanager
async def cut_in_both(
    source: str, original: Owner, target: OwnerDatabase, copy: Owner, move_id: str, workspace_id: WorkspaceId
) -> AsyncIterator[str]:
    """`original` and `copy` see the workspace as of the same moment; the mark of it, which travels, is yielded.

    Raises CannotMove where the stream does not come so far.
    """
    marks = f"{mark_of(move_id)}:cut:"
    mark = marks + secrets.token_hex(4)
    async with AsyncExitStack() as stack:
        async with target.connected(workspace_id) as gate, gate_at(gate, workspace_id, mark):
            await stack.enter_async_context(cut(source, original, workspace_id, marks, mark))
            await _stream_waits(gate, move_id)
            await stack.enter_async_context(snapshot(copy))
        yield mark


@asynccontextmanager
async def gate_at(gate: Owner, workspace_id: WorkspaceId, mark: str) -> AsyncIterator[None]:
    """Whoever would insert `mark` waits until the block has ended."""
    held = gate.transaction()
    await held.start()
    try:
        await gate.execute(_MARK, workspace_id, mark)
        yield
    finally:
        await held.rollback()


@asynccontextmanager
async def snapshot(connection: Owner) -> AsyncIterator[None]:
    """Of this moment: it is taken by the first statement that needs one."""
    held = connection.transaction(isolation="repeatable_read", readonly=True)
    await held.start()
    try:
        await connection.execute("SELECT 1 FROM tenancy LIMIT 1")
        yield
    finally:
        await held.rollback()


async def _stream_waits(gate: Owner, move_id: str) -> None:
    pause_s = POLL_S
    try:
        async with asyncio.timeout(STREAM_S_MAX):
            while not await gate.fetchval(_WAITS, stream_of(move_id)):
                await asyncio.sleep(pause_s)
                pause_s = min(1.5 * pause_s, POLL_S_MAX)
    except TimeoutError:
        raise CannotMove(f"the stream did not come to the cut within {STREAM_S_MAX:.0f} s") from None
