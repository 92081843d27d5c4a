"""The verbs on a tenancy row: take the lock, decide, store, tell."""

import secrets
from collections.abc import Awaitable, Callable

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.bus import Bus
from cells.runtime.log.tables import cursors
from cells.runtime.tenancy import Database, NotMine, Prepared, Tenancy, TenancyState, TenancyTable, TenantScope, tenancy, tenancy_of
from cells.runtime.transfer import transitions
from cells.runtime.transfer.locking import LOCK_TIMEOUT_MS, locked
from chassis.errors import WaggleError
from chassis.identity import WorkspaceId

TENANCY_TOPIC = "tenancy"
SECRET_BYTES = 32
CLOSED = 1 << 62
"""A mark of a move that is over: higher than any order's number, and a mark never falls."""
_PUBLISHED = text("SELECT 1 FROM pg_publication WHERE pubname = :name")
# One round trip, since people wait for it: whether the stream is there, and the mark where one was written before.
_MARK_AGAIN = Prepared(
    text("""
WITH marked AS (
  UPDATE cursors SET seq = greatest(seq, :number) WHERE workspace_id = :workspace_id AND name = :mark RETURNING seq
)
SELECT EXISTS (SELECT 1 FROM pg_publication WHERE pubname = :stream) AS published, (SELECT seq FROM marked) AS marked
""")
)
_WRITE_OUT = text("SELECT pg_logical_emit_message(true, 'waggle', '')")
"""Something to commit, so that the commit waits for the log up to here: on the disk, and on standbys that commits wait for."""
_OTHERS = text("SELECT pubname FROM pg_publication_tables WHERE pubname <> :name AND strpos(rowfilter, :filter) > 0 LIMIT 1")


class StreamGone(WaggleError):
    code = "stream_gone"


class Ownership:
    def __init__(self, database: Database, table: TenancyTable, bus: Bus | None) -> None:
        self._database = database
        self._table = table
        self._bus = bus

    async def admit(self, workspace_id: WorkspaceId, name: str, subdomain: str, epoch: int) -> Tenancy:
        """The workspace's row, made now (active) or found as it is."""
        fresh = insert(tenancy).values(
            workspace_id=workspace_id,
            epoch=epoch,
            state=TenancyState.ACTIVE,
            secret=secrets.token_bytes(SECRET_BYTES),
            name=name,
            subdomain=subdomain,
        )
        scope = TenantScope(workspace_id, epoch)
        async with self._database.writing(scope) as connection:
            await connection.execute(fresh.on_conflict_do_nothing())
            row = tenancy_of((await connection.execute(select(tenancy).where(tenancy.c.workspace_id == workspace_id))).one())
        return self._tell(row)

    async def freeze(self, workspace_id: WorkspaceId, epoch: int, lock_timeout_ms: int) -> Tenancy:
        return await self._change(workspace_id, lambda row: transitions.freeze(row, epoch), lock_timeout_ms)

    async def open(self, workspace_id: WorkspaceId, epoch: int) -> Tenancy:
        return await self._change(workspace_id, lambda row: transitions.open_at(row, epoch))

    async def suspend(self, workspace_id: WorkspaceId, epoch: int) -> Tenancy:
        return await self._change(workspace_id, lambda row: transitions.suspend(row, epoch))

    async def retire(self, workspace_id: WorkspaceId, epoch: int, cell: str) -> Tenancy:
        return await self._change(workspace_id, lambda row: transitions.retire(row, epoch, cell))

    async def receive(self, workspace_id: WorkspaceId, epoch: int, secret: bytes, name: str, subdomain: str) -> Tenancy:
        """A row `incoming`: writes are refused until it is taken. One that had moved away goes on naming the owner meanwhile."""
        fresh = insert(tenancy).values(
            workspace_id=workspace_id, epoch=epoch, state=TenancyState.INCOMING, secret=secret, name=name, subdomain=subdomain
        )
        async with self._database.writing(TenantScope(workspace_id, epoch)) as connection:
            await connection.execute(fresh.on_conflict_do_nothing())
        return await self._change(workspace_id, lambda row: transitions.receive(row, epoch))

    async def seal(self, workspace_id: WorkspaceId, epoch: int, lock_timeout_ms: int, stream: str, mark: str, number: int) -> Tenancy:
        """Freeze, and write the mark in the same transaction: whoever has seen it has all that was ever committed at this epoch.

        An order that comes late would freeze for ever, so it is refused without the publication `stream` or an earlier mark (the move
        has let go; what a late order publishes again has no mark, or a closed one), and where a mark with a higher number was written
        (the seal was taken back meanwhile).
        """

        async def also(connection: AsyncConnection) -> None:
            wanted = {"workspace_id": workspace_id, "stream": stream, "mark": mark, "number": number}
            ((published, marked),) = await _MARK_AGAIN.fetch(connection, wanted)
            if not published:
                raise StreamGone(f"{stream} publishes nothing here any more: workspace {workspace_id} is not frozen for it")
            if marked is None or marked >= CLOSED:
                raise StreamGone(f"the move of {stream} has let go: workspace {workspace_id} is not frozen for it")
            if marked > number:
                raise StreamGone(f"an order to freeze workspace {workspace_id} came after it was taken back")

        return await self._change(workspace_id, lambda row: transitions.freeze(row, epoch), lock_timeout_ms, also)

    async def unseal(self, workspace_id: WorkspaceId, epoch: int, stream: str, mark: str, number: int) -> Tenancy:
        """Take a seal back, and every seal with a lower number that is still on its way.

        Raises StreamGone where another move publishes a workspace that is frozen: what it sealed is not for an earlier one to open.
        """
        thawed = False

        def decide(row: Tenancy) -> Tenancy:
            nonlocal thawed
            decided = transitions.unseal(row, epoch)
            thawed = decided != row
            return decided

        async def also(connection: AsyncConnection) -> None:
            if thawed and (other := await _other_stream(connection, workspace_id, stream)):
                raise StreamGone(f"workspace {workspace_id} is frozen for {other}")
            if await _published(connection, stream):
                await _mark(connection, workspace_id, mark, number)

        return await self._change(workspace_id, decide, also=also)

    async def mark(self, workspace_id: WorkspaceId, mark: str, number: int) -> None:
        async with self._database.writing(TenantScope(workspace_id, 0)) as connection:
            await _mark(connection, workspace_id, mark, number)

    async def take(self, workspace_id: WorkspaceId, epoch: int, seq: int, last_ts_us: int) -> Tenancy:
        """-> active at `epoch`, where the other cell's log and clock ended; on the disk when it returns.

        Open before that, since people wait: no write is acknowledged sooner, for its own commit waits for all of the log before it.
        """
        row = await self._change(workspace_id, lambda row: transitions.take(row, epoch, seq, last_ts_us), written=False)
        await self._write_out()
        return row

    async def _write_out(self) -> None:
        async with self._database.upkeep() as connection:
            await connection.execute(_WRITE_OUT)

    async def census(self) -> list[Tenancy]:
        async with self._database.census() as connection:
            return [tenancy_of(row) for row in await connection.execute(select(tenancy).order_by(tenancy.c.workspace_id))]

    async def look(self, workspace_id: WorkspaceId) -> Tenancy:
        """The row as the database has it now; raises NotMine."""
        async with self._database.reading(TenantScope(workspace_id, 0)) as connection:
            row = (await connection.execute(select(tenancy).where(tenancy.c.workspace_id == workspace_id))).one_or_none()
        if row is None:
            raise NotMine(workspace_id)
        self._table.learn(tenancy_of(row))
        return tenancy_of(row)

    async def _change(
        self,
        workspace_id: WorkspaceId,
        decide: Callable[[Tenancy], Tenancy],
        timeout_ms: int = LOCK_TIMEOUT_MS,
        also: Callable[[AsyncConnection], Awaitable[None]] | None = None,
        *,
        written: bool = True,
    ) -> Tenancy:
        async with locked(self._database, TenantScope(workspace_id, 0), timeout_ms, written=written) as (connection, row):
            decided = decide(row)
            if decided != row:
                mine = tenancy.c.workspace_id == workspace_id
                values = {"state": decided.state, "epoch": decided.epoch, "moved_to": decided.moved_to}
                values |= {"seq": decided.seq, "last_ts_us": decided.last_ts_us}
                await connection.execute(update(tenancy).where(mine).values(values))
            if also is not None:
                await also(connection)
        return self._tell(decided)

    def _tell(self, row: Tenancy) -> Tenancy:
        self._table.learn(row)
        if self._bus is not None:
            self._bus.publish(TENANCY_TOPIC, b"")
        return row


async def _published(connection: AsyncConnection, stream: str) -> bool:
    return (await connection.execute(_PUBLISHED, {"name": stream})).one_or_none() is not None


async def _other_stream(connection: AsyncConnection, workspace_id: WorkspaceId, stream: str) -> str:
    """Another move's publication of this workspace; empty: there is none."""
    found = await connection.execute(_OTHERS, {"name": stream, "filter": f"'{workspace_id}'"})
    return str(found.scalar_one_or_none() or "")


async def _mark(connection: AsyncConnection, workspace_id: WorkspaceId, mark: str, number: int) -> int:
    """The mark's number from now on: it never falls."""
    fresh = insert(cursors).values(workspace_id=workspace_id, name=mark, seq=number)
    higher = func.greatest(cursors.c.seq, number)
    again = fresh.on_conflict_do_update(index_elements=[cursors.c.workspace_id, cursors.c.name], set_={"seq": higher})
    return int((await connection.execute(again.returning(cursors.c.seq))).scalar_one())
