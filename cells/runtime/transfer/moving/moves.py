"""What a cell does for a move, verb by verb; all of it may be said again."""

import asyncio
from collections.abc import Callable, Sequence

import asyncpg
from sqlalchemy import Table

from cells.runtime.log import Rehearsal
from cells.runtime.tenancy import NotMine, Tenancy, TenancyState
from cells.runtime.transfer.moving.bookmarks import forget_bookmark, read_bookmark
from cells.runtime.transfer.moving.copying import Copying, copy_workspace
from cells.runtime.transfer.moving.errors import CannotMove
from cells.runtime.transfer.moving.forgetting import Forgetting
from cells.runtime.transfer.moving.marks import close_marks
from cells.runtime.transfer.moving.names import PREFIX, mark_of, slot_of
from cells.runtime.transfer.moving.obstacles import obstacles
from cells.runtime.transfer.moving.owner import Owner, OwnerDatabase
from cells.runtime.transfer.moving.pacing import Pace, nobody
from cells.runtime.transfer.moving.proofs import Proofs
from cells.runtime.transfer.moving.publishing import publish, unpublish
from cells.runtime.transfer.moving.purging import purge_part
from cells.runtime.transfer.moving.subscribing import is_following, make_slot, subscribe, unsubscribe
from cells.runtime.transfer.ownership import CLOSED, Ownership
from chassis.identity import WorkspaceId

COPIES_MAX = 4
AT_HOME = (TenancyState.ACTIVE, TenancyState.FROZEN, TenancyState.SUSPENDED)
MEASURED_ROWS_MAX = 200
"""Of a table, by which the bytes of all its rows are told."""
MARK_POLL_S = 0.002
MARK_POLL_S_MAX = 0.05
MARK_POLL_GROWTH = 1.2

_SEEN = "SELECT seq >= $3 FROM cursors WHERE workspace_id = $1 AND name = $2"
_HEAD = "SELECT seq FROM log WHERE workspace_id = $1 ORDER BY seq DESC LIMIT 1"
_LEFT = """
SELECT 'publication ' || pubname FROM pg_publication WHERE pubname LIKE $1
UNION ALL SELECT 'subscription ' || subname FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
  WHERE subname LIKE $1 AND d.datname = current_database()
UNION ALL SELECT 'slot ' || slot_name FROM pg_replication_slots WHERE slot_name LIKE $1 AND database = current_database()
UNION ALL SELECT 'role ' || rolname FROM pg_roles WHERE rolname LIKE $1 || replace(current_database(), '-', '_')
UNION ALL SELECT 'mark ' || name FROM cursors WHERE name LIKE 'move:%' AND seq < $2
UNION ALL SELECT 'bookmark ' || move_id FROM copies
ORDER BY 1
"""


class Moves:
    def __init__(
        self,
        database: OwnerDatabase | None,
        tables: tuple[Table, ...],
        ownership: Ownership,
        on_gone: Callable[[], None],
        forgetting: Forgetting | None = None,
        served: Callable[[], int] = nobody,
        *,
        attached: frozenset[str] | None = frozenset(),
        rehearsal: Rehearsal | None = None,
    ) -> None:
        self._owner = database
        self.tables = tables
        self.ownership = ownership
        self._on_gone = on_gone
        self._forgetting, self._served = forgetting, served
        self._copies: dict[str, Copying] = {}
        self._surveying = asyncio.Lock()
        self.proofs = Proofs(tables, served, attached=attached, rehearsal=rehearsal)

    @property
    def database(self) -> OwnerDatabase:
        """Raises CannotMove in a cell that was given no owner's connection."""
        if self._owner is None:
            raise CannotMove("this cell cannot move workspaces: WAGGLE_CELL_OWNER_DATABASE_URL is not set")
        return self._owner

    async def publish(self, move_id: str, workspace_id: WorkspaceId) -> tuple[str, Tenancy]:
        row = await self.ownership.look(workspace_id)
        return await publish(self.database, self.tables, move_id, workspace_id), row

    async def copy(
        self, move_id: str, workspace_id: WorkspaceId, source: str, speed: float = 0.0, wait_s: float = 0.0
    ) -> tuple[bool, Copying]:
        """Begin, go on where the last attempt ended, or look; and whether it is whole after at most `wait_s`."""
        async with self.database.connected() as connection:
            done = await is_following(connection, move_id)
            kept = await read_bookmark(connection, move_id)
        copying = self._copies.get(move_id)
        if not done and (copying is None or not (copying.running or copying.whole)):
            copying = self._begin(move_id, workspace_id, source, copying.problem if copying else "")
        if not done and copying is not None:
            copying.pace.set(speed)
            done = await copying.ends_well(wait_s)
        if done:
            self._copies.pop(move_id, None)
        return done, copying or Copying(rows=kept.rows if kept else 0)

    def _begin(self, move_id: str, workspace_id: WorkspaceId, source: str, problem: str) -> Copying:
        if sum(copying.running for copying in self._copies.values()) >= COPIES_MAX:
            raise CannotMove(f"{COPIES_MAX} copies run here already")
        copying = self._copies[move_id] = Copying(problem=problem, pace=Pace(served=self._served))
        copying.task = asyncio.create_task(self._copy(move_id, workspace_id, source, copying))
        return copying

    async def _copy(self, move_id: str, workspace_id: WorkspaceId, source: str, copying: Copying) -> None:
        try:
            await copy_workspace(self.database, self.tables, move_id, workspace_id, source, copying, self.proofs)
            copying.problem = ""
        except* (CannotMove, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as errors:
            copying.problem = f"{type(errors.exceptions[0]).__name__}: {errors.exceptions[0]}"[:300]

    async def follow(self, move_id: str, workspace_id: WorkspaceId, source: str) -> None:
        publisher = dict(word.split("=", 1) for word in source.split())["dbname"]
        slot = slot_of(move_id, publisher)
        async with self.database.connected(workspace_id) as connection:
            if not await is_following(connection, move_id):
                await make_slot(source, slot)
                await subscribe(connection, move_id, source, slot)

    async def await_mark(self, move_id: str, workspace_id: WorkspaceId, number: int, timeout_s: float) -> tuple[bool, int]:
        """Whether the mark came in time, and where the log ends here."""
        async with self.database.connected(workspace_id) as connection:
            seen, pause_s = False, MARK_POLL_S
            try:
                async with asyncio.timeout(timeout_s):
                    while not (seen := bool(await connection.fetchval(_SEEN, workspace_id, mark_of(move_id), number))):
                        await asyncio.sleep(pause_s)
                        pause_s = min(pause_s * MARK_POLL_GROWTH, MARK_POLL_S_MAX)
            except TimeoutError:
                return False, 0
            return seen, await connection.fetchval(_HEAD, workspace_id) or 0

    async def drop(self, move_id: str, workspace_id: WorkspaceId) -> None:
        """This side's subscription, slot, publication and role, a copy or a proof in progress, the marks and the bookmark."""
        copying = self._copies.pop(move_id, None)
        if copying is not None and copying.task is not None:
            copying.task.cancel()
            await asyncio.wait({copying.task})
        await self.proofs.drop(move_id)
        await unsubscribe(self.database, move_id)
        await unpublish(self.database, move_id)
        async with self.database.connected(workspace_id) as connection:
            await close_marks(connection, workspace_id, mark_of(move_id))
            await forget_bookmark(connection, move_id)

    async def purge(self, workspace_id: WorkspaceId, *, forget: bool, speed: float = 0.0) -> tuple[bool, int]:
        """One part: of the rows, then of what is kept beside them. `forget`: at the end also the tenancy row (`_forget`)."""
        pace = Pace(served=self._served)
        pace.set(speed)
        async with self.database.connected(workspace_id) as connection:
            deleted = await purge_part(connection, self.tables, workspace_id, pace)
        if not deleted and self._forgetting is not None:
            deleted = await self._forgetting.part(workspace_id)
        if not deleted and forget:
            await self._forget(workspace_id)
        return not deleted, deleted

    async def _forget(self, workspace_id: WorkspaceId) -> None:
        """A row that only ever was `incoming`; one that had been here says again where it went."""
        async with self.database.connected(workspace_id) as connection:
            back = "UPDATE tenancy SET state = 'moved' WHERE workspace_id = $1 AND state = 'incoming' AND moved_to <> ''"
            await connection.execute(back, workspace_id)
            gone = "DELETE FROM tenancy WHERE workspace_id = $1 AND state = 'incoming' AND moved_to = ''"
            await connection.execute(gone, workspace_id)
        self._on_gone()

    async def leftovers(self) -> list[str]:
        async with self.database.connected() as connection:
            return [row[0] for row in await connection.fetch(_LEFT, f"{PREFIX}%", CLOSED)]

    async def survey(self, workspace_id: WorkspaceId) -> tuple[int, int, list[str], str, str]:
        """(rows, bytes, blockers, schema revision, state of the tenancy row). Leaves nothing behind.

        Rows are those of a workspace that is at home here: of one that is to come, nobody asks for them.
        """
        try:
            state = str((await self.ownership.look(workspace_id)).state)
        except NotMine:
            state = ""
        # One after the other: whoever orders many moves at once would take every core from those who are served here.
        async with self._surveying, self.database.connected(workspace_id) as connection:
            rows, size = await _size_of(connection, self.tables if state in AT_HOME else (), workspace_id)
            revision = await connection.fetchval("SELECT version_num FROM alembic_version")
            return rows, size, await obstacles(connection, self.tables), revision or "", state


async def _size_of(connection: Owner, tables: tuple[Table, ...], workspace_id: WorkspaceId) -> tuple[int, int]:
    """(rows, bytes), in two statements: a workspace has rows in few of its tables, and each asked by itself would be a round trip.

    Rows are counted off an index; to read them all beside people only to know their bytes costs three times as much.
    """
    counted = "SELECT '{0}' AS name, (SELECT count(*) FROM \"{0}\" WHERE workspace_id = $1) AS n"
    rows = await _by_table(connection, counted, [table.name for table in tables], workspace_id)
    looked = f'(SELECT * FROM "{{0}}" WHERE workspace_id = $1 LIMIT {MEASURED_ROWS_MAX})'
    measured = f"SELECT '{{0}}' AS name, (SELECT avg(pg_column_size(t.*)) FROM {looked} AS t) AS n"
    width = await _by_table(connection, measured, [name for name, n in rows.items() if n], workspace_id)
    return int(sum(rows.values())), int(sum(rows[name] * each for name, each in width.items()))


async def _by_table(connection: Owner, asked: str, names: Sequence[str], workspace_id: WorkspaceId) -> dict[str, float]:
    if not names:
        return {}
    found = await connection.fetch(" UNION ALL ".join(asked.format(name) for name in names), workspace_id)
    return {row["name"]: float(row["n"] or 0) for row in found}
