"""The cell's side of a move, between two real databases: copied at one cut, followed, sealed, compared, taken, purged."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from cells.chat.domain.catalogue import chat_tables
from cells.runtime.log import Transaction, WorkspaceLog
from cells.runtime.tenancy import Database, Frozen, Incoming, Moved, TenancyState, TenancyTable, TenantScope
from cells.runtime.transfer import Moves, OwnerDatabase, Ownership, travelling
from cells.runtime.transfer.locking import RowLocked
from cells.runtime.transfer.moving import purging
from cells.runtime.transfer.moving.comparing import Compared, Comparison
from cells.runtime.transfer.moving.errors import CannotMove
from cells.runtime.transfer.moving.obstacles import obstacles
from cells.runtime.transfer.ownership import StreamGone
from chassis.identity import WorkspaceId, make_workspace_id
from control_plane.provision.cluster_settings import ClusterSettings
from control_plane.provision.postgres import Postgres
from control_plane.provision.processes import free_port
from tests.harness.databases import FreshDatabase, copy_of, in_own_loop, migrated_template
from tests.harness.eventually import eventually
from tests.harness.workspaces import Say, a_log

pytestmark = pytest.mark.anyio

MOVE = "mv_0123456789ab"
TABLES = travelling(chat_tables())


@dataclass(frozen=True)
class Side:
    owner: OwnerDatabase
    database: Database
    log: WorkspaceLog
    ownership: Ownership
    moves: Moves


@pytest.fixture
def two(make_cell_database: Callable[[], FreshDatabase]) -> tuple[FreshDatabase, FreshDatabase]:
    return make_cell_database(), make_cell_database()


@asynccontextmanager
async def a_side(fresh: FreshDatabase) -> AsyncIterator[Side]:
    async with a_log(fresh.app_url, None) as (database, log):
        table = TenancyTable(database)
        owner = OwnerDatabase(fresh.owner_url)
        ownership = Ownership(database, table, None)
        try:
            yield Side(owner, database, log, ownership, Moves(owner, TABLES, ownership, table.wake))
        finally:
            await owner.close()


async def copied(source: Side, target: Side, workspace_id: WorkspaceId, move_id: str = MOVE) -> None:
    connection, row = await source.moves.publish(move_id, workspace_id)
    await target.ownership.receive(workspace_id, row.epoch, row.secret, row.name, row.subdomain)
    async with asyncio.timeout(30):
        while True:
            done, copying = await target.moves.copy(move_id, workspace_id, connection)
            assert not copying.problem
            if done:
                await source.ownership.mark(workspace_id, f"move:{move_id}", 0)
                return
            assert copying.task is not None
            await asyncio.wait({copying.task})


async def compared(one: Side, other: Side, workspace_id: WorkspaceId) -> Compared:
    """Row by row; the workspace stands still."""
    found = Compared()
    async with one.owner.connected(workspace_id) as ours, other.owner.connected(workspace_id) as theirs:
        await Comparison(ours, theirs, workspace_id, found).whole(TABLES)
    return found


async def say(side: Side, workspace_id: WorkspaceId, count: int, epoch: int = 1) -> None:
    scope = TenantScope(workspace_id, epoch)
    for number in range(count):
        await side.log.commit(scope, Say(f"said {number}"))


async def test_a_workspace_is_carried_over_while_it_is_written(two: tuple[FreshDatabase, FreshDatabase]) -> None:
    async with a_side(two[0]) as a, a_side(two[1]) as b:
        ours, neighbour = make_workspace_id(), make_workspace_id()
        for workspace_id in (ours, neighbour):
            await a.ownership.admit(workspace_id, "acme", "acme", 1)
        await say(a, ours, 50)
        writing = asyncio.create_task(say(a, ours, 300))
        await copied(a, b, ours)
        await say(a, neighbour, 5)  # the row filter stands in nobody else's way
        await writing
        with pytest.raises(Incoming):
            await b.log.commit(TenantScope(ours, 1), Say("too early"))
        sealed = await a.ownership.seal(ours, 1, 1000, f"waggle_{MOVE}", f"move:{MOVE}", 7)
        with pytest.raises(Frozen):
            await a.log.commit(TenantScope(ours, 1), Say("too late"))
        assert await b.moves.await_mark(MOVE, ours, 7, 10) == (True, sealed.seq)
        assert sealed.seq == 350
        assert (await compared(a, b, ours)).differs == []
        assert (await compared(b, b, neighbour)).rows == 0
        await b.ownership.take(ours, 2, sealed.seq, sealed.last_ts_us)
        await a.ownership.retire(ours, 2, "b")
        with pytest.raises(Moved):
            await a.log.commit(TenantScope(ours, 1), Say("gone"))
        await say(b, ours, 3, epoch=2)
        assert (await b.ownership.look(ours)).seq == 353
        for side in (a, b):
            await side.moves.drop(MOVE, ours)
            assert await side.moves.leftovers() == []
        while not (await a.moves.purge(ours, forget=False))[0]:
            pass
        assert (await compared(a, a, ours)).rows == 0
        assert (await compared(a, a, neighbour)).rows > 0
        with pytest.raises(CannotMove, match="is active here"):
            await b.moves.purge(ours, forget=False)


async def test_the_slot_of_a_move_outlives_its_database_where_there_is_a_standby(two: tuple[FreshDatabase, FreshDatabase]) -> None:
    async with a_side(two[0]) as a, a_side(two[1]) as b:
        ours = make_workspace_id()
        await a.ownership.admit(ours, "acme", "acme", 1)
        await copied(a, b, ours)
        async with a.owner.connected() as connection:
            kept = await connection.fetch("SELECT failover FROM pg_replication_slots WHERE database = current_database() AND NOT temporary")
        for side in (b, a):
            await side.moves.drop(MOVE, ours)
        assert [row["failover"] for row in kept] == [True]


async def test_what_is_written_at_the_target_comes_back_and_goes_no_further(two: tuple[FreshDatabase, FreshDatabase]) -> None:
    """The way back is armed before the switch; neither stream sends on what it was sent."""
    async with a_side(two[0]) as a, a_side(two[1]) as b:
        ours = make_workspace_id()
        await a.ownership.admit(ours, "acme", "acme", 1)
        await say(a, ours, 20)
        await copied(a, b, ours)
        back, _ = await b.moves.publish(MOVE, ours)
        await a.moves.follow(MOVE, ours, back)
        await say(a, ours, 20)
        sealed = await a.ownership.seal(ours, 1, 1000, f"waggle_{MOVE}", f"move:{MOVE}", 1)
        assert await b.moves.await_mark(MOVE, ours, 1, 10) == (True, 40)
        await b.ownership.take(ours, 2, sealed.seq, sealed.last_ts_us)
        await a.ownership.retire(ours, 2, "b")
        await say(b, ours, 100, epoch=2)
        again = await b.ownership.seal(ours, 2, 1000, f"waggle_{MOVE}", f"move:{MOVE}", 2)
        assert await a.moves.await_mark(MOVE, ours, 2, 10) == (True, again.seq) == (True, 140)
        assert (await compared(a, b, ours)).differs == []
        taken = await a.ownership.take(ours, 3, again.seq, again.last_ts_us)
        assert (taken.state, taken.epoch, taken.seq) == ("active", 3, 140)
        for side in (a, b):
            await side.moves.drop(MOVE, ours)


@dataclass(frozen=True)
class SayWhenTold:
    """A write that is under way for as long as the test wants."""

    began: asyncio.Event
    told: asyncio.Event

    async def apply(self, tx: Transaction) -> None:
        self.began.set()
        await self.told.wait()
        await Say("under way").apply(tx)


@pytest.fixture
def lonely(tmp_path: Path) -> Iterator[tuple[Postgres, FreshDatabase]]:
    """A server of its own, whose settings may be changed."""
    server = Postgres(tmp_path / "postgres", free_port(), settings=ClusterSettings(durable=False))
    in_own_loop(server.start())
    try:
        migrated_template(server, "cell")
        yield server, copy_of(server, "template_cell")
    finally:
        in_own_loop(server.stop())


async def test_the_answer_to_an_opening_waits_for_standbys_as_any_commit_does(lonely: tuple[Postgres, FreshDatabase]) -> None:
    server, fresh = lonely
    async with a_side(fresh) as side:
        ours = make_workspace_id()
        await side.ownership.receive(ours, 1, b"s" * 32, "acme", "acme")
        line = await asyncpg.connect(server.url(database="postgres"))
        try:
            await line.execute("ALTER SYSTEM SET synchronous_commit = on")
            await line.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody_yet'")
            await line.execute("SELECT pg_reload_conf()")
            await eventually(lambda: line.fetchval("SELECT current_setting('synchronous_standby_names') <> ''"))
            taking = asyncio.create_task(side.ownership.take(ours, 2, 0, 0))
            await eventually(lambda: line.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"))
            assert not taking.done()
            await line.execute("ALTER SYSTEM RESET synchronous_standby_names")
            await line.execute("SELECT pg_reload_conf()")
            assert (await taking).state is TenancyState.ACTIVE
        finally:
            await line.close()


async def test_a_workspace_is_open_before_the_disk_has_it_which_the_answer_waits_for(
    two: tuple[FreshDatabase, FreshDatabase], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_side(two[0]) as side:
        ours, disk, write_out = make_workspace_id(), asyncio.Event(), side.ownership._write_out
        await side.ownership.receive(ours, 1, b"s" * 32, "acme", "acme")

        async def slow() -> None:
            await disk.wait()
            await write_out()

        async def said() -> bool:
            await say(side, ours, 1, epoch=2)
            return True

        monkeypatch.setattr(side.ownership, "_write_out", slow)
        taking = asyncio.create_task(side.ownership.take(ours, 2, 0, 0))
        await eventually(said)
        assert not taking.done()
        async with side.owner.connected() as line:
            at = await line.fetchval("SELECT pg_current_wal_insert_lsn()::text")
            disk.set()
            assert (await taking).state is TenancyState.ACTIVE
            assert await line.fetchval("SELECT pg_current_wal_flush_lsn() >= $1::text::pg_lsn", at)
        assert (await side.ownership.take(ours, 2, 0, 0)).epoch == 2


async def test_a_write_under_way_at_the_seal_is_before_the_mark_vitess_16563(two: tuple[FreshDatabase, FreshDatabase]) -> None:
    """A position sampled while it was open would have been too early."""
    async with a_side(two[0]) as a, a_side(two[1]) as b:
        ours, change = make_workspace_id(), SayWhenTold(asyncio.Event(), asyncio.Event())
        await a.ownership.admit(ours, "acme", "acme", 1)
        await say(a, ours, 5)
        await copied(a, b, ours)
        writing = asyncio.create_task(a.log.commit(TenantScope(ours, 1), change))
        await change.began.wait()
        sealing = asyncio.create_task(a.ownership.seal(ours, 1, 5_000, f"waggle_{MOVE}", f"move:{MOVE}", 1))
        assert not (await asyncio.wait({sealing}, timeout=0.1))[0]
        change.told.set()
        await writing
        sealed = await sealing
        assert sealed.seq == 6
        assert await b.moves.await_mark(MOVE, ours, 1, 10) == (True, 6)
        assert (await compared(a, b, ours)).differs == []
        for side in (a, b):
            await side.moves.drop(MOVE, ours)


async def test_a_write_that_outlasts_the_seals_patience_keeps_its_workspace_open_vitess_9453(
    two: tuple[FreshDatabase, FreshDatabase],
) -> None:
    """A transaction open across the switch that commits at the source would be a lost write: there is no switch across it."""
    async with a_side(two[0]) as a:
        ours, change = make_workspace_id(), SayWhenTold(asyncio.Event(), asyncio.Event())
        await a.ownership.admit(ours, "acme", "acme", 1)
        await a.moves.publish(MOVE, ours)
        writing = asyncio.create_task(a.log.commit(TenantScope(ours, 1), change))
        await change.began.wait()
        with pytest.raises(RowLocked, match="pid"):
            await a.ownership.seal(ours, 1, 100, f"waggle_{MOVE}", f"move:{MOVE}", 1)
        change.told.set()
        await writing
        assert (await a.ownership.look(ours)).state == "active"
        await a.moves.drop(MOVE, ours)


async def test_no_deletion_while_somebody_follows(two: tuple[FreshDatabase, FreshDatabase]) -> None:
    async with a_side(two[0]) as a, a_side(two[1]) as b:
        ours = make_workspace_id()
        await a.ownership.admit(ours, "acme", "acme", 1)
        await say(a, ours, 3)
        await copied(a, b, ours)
        await b.moves.publish(MOVE, ours)
        with pytest.raises(CannotMove, match="still publishes"):
            await b.moves.purge(ours, forget=True)
        for side in (a, b):
            await side.moves.drop(MOVE, ours)
        while not (await b.moves.purge(ours, forget=True))[0]:
            pass
        assert await b.ownership.census() == []
        await say(a, ours, 3)


async def test_a_late_order_to_freeze_is_refused_once_its_move_was_dropped(two: tuple[FreshDatabase, FreshDatabase]) -> None:
    async with a_side(two[0]) as a:
        ours = make_workspace_id()
        await a.ownership.admit(ours, "acme", "acme", 1)
        await a.moves.publish(MOVE, ours)
        await a.moves.drop(MOVE, ours)
        with pytest.raises(StreamGone):
            await a.ownership.seal(ours, 1, 1000, f"waggle_{MOVE}", f"move:{MOVE}", 1)
        await say(a, ours, 1)


async def test_a_suspended_workspace_stays_so_when_its_move_is_undone(two: tuple[FreshDatabase, FreshDatabase]) -> None:
    async with a_side(two[0]) as a:
        ours = make_workspace_id()
        await a.ownership.admit(ours, "acme", "acme", 1)
        await a.ownership.suspend(ours, 1)
        assert (await a.ownership.unseal(ours, 1, f"waggle_{MOVE}", f"move:{MOVE}", 1)).state == "suspended"


async def test_an_order_to_freeze_that_comes_after_it_was_taken_back_is_refused(two: tuple[FreshDatabase, FreshDatabase]) -> None:
    """Found by the search over every state: a rollback given up, its order to freeze late, and nobody to unfreeze ever after."""
    async with a_side(two[0]) as a:
        ours, stream, mark = make_workspace_id(), f"waggle_{MOVE}", f"move:{MOVE}"
        await a.ownership.admit(ours, "acme", "acme", 1)
        await a.moves.publish(MOVE, ours)
        await a.ownership.unseal(ours, 1, stream, mark, 8000)
        with pytest.raises(StreamGone, match="came after it was taken back"):
            await a.ownership.seal(ours, 1, 1000, stream, mark, 7000)
        await say(a, ours, 1)
        assert (await a.ownership.seal(ours, 1, 1000, stream, mark, 9000)).state == "frozen"


async def test_an_order_to_freeze_is_refused_though_its_move_is_published_once_more(two: tuple[FreshDatabase, FreshDatabase]) -> None:
    """Found by the search over every state: two orders of one move, both late, the second of them froze a workspace nobody would open."""
    async with a_side(two[0]) as a:
        ours, stream, mark = make_workspace_id(), f"waggle_{MOVE}", f"move:{MOVE}"
        await a.ownership.admit(ours, "acme", "acme", 1)
        await a.moves.publish(MOVE, ours)
        await a.ownership.mark(ours, mark, 5000)
        await a.moves.drop(MOVE, ours)
        await a.moves.publish(MOVE, ours)
        with pytest.raises(StreamGone, match="let go"):
            await a.ownership.seal(ours, 1, 1000, stream, mark, 6000)
        await say(a, ours, 1)
        await a.moves.drop(MOVE, ours)


async def test_a_late_order_of_an_earlier_move_opens_nothing_that_a_later_one_froze(two: tuple[FreshDatabase, FreshDatabase]) -> None:
    """Writes accepted after the mark would be lost at the switch."""
    async with a_side(two[0]) as a:
        ours, later = make_workspace_id(), "mv_ba9876543210"
        await a.ownership.admit(ours, "acme", "acme", 1)
        await a.moves.publish(later, ours)
        await a.ownership.mark(ours, f"move:{later}", 1)
        await a.ownership.seal(ours, 1, 1000, f"waggle_{later}", f"move:{later}", 2)
        with pytest.raises(StreamGone, match=f"frozen for waggle_{later}"):
            await a.ownership.unseal(ours, 1, f"waggle_{MOVE}", f"move:{MOVE}", 9000)
        with pytest.raises(Frozen):
            await say(a, ours, 1)
        assert (await a.ownership.unseal(ours, 1, f"waggle_{later}", f"move:{later}", 3)).state == "active"
        await a.moves.drop(later, ours)


async def test_every_table_keyed_by_workspace_travels_or_is_the_tenancy_row(cell_database: FreshDatabase) -> None:
    connection = await asyncpg.connect(cell_database.owner_url)
    try:
        keyed = (
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id'"
            " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace"
        )
        found = {row["relname"] for row in await connection.fetch(keyed)}
    finally:
        await connection.close()
    assert found == {table.name for table in TABLES} | {"tenancy"}


async def test_a_part_of_a_purge_takes_from_several_tables_and_never_too_much(
    two: tuple[FreshDatabase, FreshDatabase], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part a table was a round for each table that there is, 40 deletions each; most workspaces have rows in a few."""
    monkeypatch.setattr(purging, "PART_ROWS_MAX", 30)
    async with a_side(two[0]) as side:
        workspace_id = make_workspace_id()
        sown = (
            "INSERT INTO due (workspace_id, name, key, due_us) SELECT $1, 'x', n::text, 1 FROM generate_series(1, 40) AS n",
            "INSERT INTO cursors (workspace_id, name, seq) SELECT $1, n::text, 1 FROM generate_series(1, 20) AS n",
        )
        async with side.owner.connected(workspace_id) as line:
            for statement in sown:
                await line.execute(statement, workspace_id)
            parts = [await purging.purge_part(line, side.moves.tables, workspace_id) for _ in range(3)]
    assert parts == [30, 30, 0]


async def test_whatever_stands_in_the_way_is_named(two: tuple[FreshDatabase, FreshDatabase]) -> None:
    """A transaction that writes holds up every slot of the server: its pid is told. One that only reads does not."""
    async with a_side(two[0]) as a:
        ours = make_workspace_id()
        await a.ownership.admit(ours, "acme", "acme", 1)
        assert (await a.moves.survey(ours))[2] == []
        async with a.owner.connected() as reader, reader.transaction(), a.owner.connected() as writer, writer.transaction():
            await reader.execute("SELECT 1 FROM tenancy")
            await writer.execute("ALTER TABLE due REPLICA IDENTITY NOTHING")
            async with a.owner.connected() as line:
                found = await obstacles(line, TABLES, open_s_max=0.0)
            pid = await writer.fetchval("SELECT pg_backend_pid()")
            assert [line.partition(" has ")[0] for line in found] == [f"pid {pid} (waggle-move)"]
            assert await obstacles(writer, TABLES) == ["table due has no replica identity: neither a primary key nor FULL"]
