"""Partitions that go: only when nobody needs a row in them, whoever watches, and without anybody having to wait."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from cells.app import upkeep as upkeep_module
from cells.app.upkeep import DAY_US, Upkeep
from cells.chat.workload import chat
from cells.runtime.bus import Claims
from cells.runtime.log import measure_upkeep
from cells.runtime.log import partitions as partitions_module
from cells.runtime.tenancy import Database, open_database
from chassis.clock import SystemClock
from chassis.identity import make_workspace_id
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.workspaces import Say, a_log, a_workspace, execute
from tests.slice.test_transfer import MOVE, a_side, compared, copied, say

pytestmark = pytest.mark.anyio

PARTITIONS = "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent IN ('log'::regclass, 'messages'::regclass)"
RETIRED = "SELECT relname FROM pg_class WHERE relname LIKE 'retired_%' AND relkind = 'r'"
ASTRAY = (
    "SELECT DISTINCT tableoid::regclass::text AS name FROM log WHERE ts_us < 1701000000000000"
    " UNION SELECT DISTINCT tableoid::regclass::text FROM messages WHERE ts_us < 1701000000000000"
)
OLD_US = 1_700_000_000_000_000
"""November 2023."""
WEEK_US = 7 * DAY_US
FIRST_US = OLD_US // WEEK_US * WEEK_US
LOG_OLD, MESSAGES_OLD = "log_20231109", "messages_202311"
POST_S_MAX = 2.0


@pytest.fixture
async def database(cell_database: FreshDatabase) -> AsyncIterator[Database]:
    async with open_database(cell_database.app_url) as opened:
        yield opened


@pytest.fixture
def other(make_cell_database: Callable[[], FreshDatabase]) -> FreshDatabase:
    return make_cell_database()


@pytest.fixture
async def old(cell_database: FreshDatabase) -> str:
    """The owner's address, of a database with a partition of 2023 in each table."""
    url = cell_database.owner_url
    await execute(url, f"CREATE TABLE {LOG_OLD} PARTITION OF log FOR VALUES FROM ({FIRST_US}) TO ({FIRST_US + WEEK_US})")
    month = "(extract(epoch FROM timestamp '{}') * 1000000)::bigint"
    (first,), (following,) = [(await execute(url, f"SELECT {month.format(day)}"))[0] for day in ("2023-11-01", "2023-12-01")]
    await execute(url, f"CREATE TABLE {MESSAGES_OLD} PARTITION OF messages FOR VALUES FROM ({first}) TO ({following})")
    for table in (LOG_OLD, MESSAGES_OLD):
        await execute(url, f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        await execute(url, f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    return url


def an_upkeep(database: Database, log_days: int = 35) -> Upkeep:
    clock = SystemClock()
    of_chat = chat(clock, Claims(None, clock))
    return Upkeep(database, clock, log_days, of_chat.partitions, of_chat.emptied, of_chat.log_readers, pause_s=0.01)


async def partitions(url: str) -> set[str]:
    return {row["name"] for row in await execute(url, PARTITIONS)}


async def log_row(url: str, workspace_id: str, seq: int) -> None:
    await execute(url, "INSERT INTO log VALUES ($1, $2, $3, 'message', '{C1}', '{}')", workspace_id, seq, OLD_US + seq)


async def message(url: str, workspace_id: str) -> None:
    row = "INSERT INTO messages (workspace_id, channel_id, ts_us, user_id, text, broadcast) VALUES ($1, 'C1', $2, 'U1', 'x', false)"
    await execute(url, row, workspace_id, OLD_US)


async def test_what_is_empty_and_old_goes_and_nothing_else(database: Database, old: str) -> None:
    before = await partitions(old)
    assert {LOG_OLD, MESSAGES_OLD} <= before
    upkeep = an_upkeep(database)
    assert await upkeep.round()
    assert await partitions(old) == before - {LOG_OLD, MESSAGES_OLD} and upkeep.held == {}
    assert await execute(old, RETIRED) == []
    assert await upkeep.round() and await partitions(old) == before - {LOG_OLD, MESSAGES_OLD}


async def test_messages_hold_their_partition_whoever_has_them(database: Database, old: str) -> None:
    acme = await a_workspace(old, state="moved")
    await message(old, acme.workspace_id)
    upkeep = an_upkeep(database)
    assert await upkeep.round()
    assert MESSAGES_OLD in await partitions(old) and upkeep.held == {MESSAGES_OLD: f"{acme.workspace_id} has messages in it"}
    await execute(old, "DELETE FROM messages")
    assert await upkeep.round()
    assert MESSAGES_OLD not in await partitions(old) and upkeep.held == {}


async def test_the_log_waits_for_its_slowest_reader(database: Database, old: str) -> None:
    """Of any workspace, in the runtime's table or the workload's; marks of moves are none."""
    acme, globex = await a_workspace(old), await a_workspace(old)
    await log_row(old, acme.workspace_id, 7)
    await log_row(old, globex.workspace_id, 9)
    await execute(old, "INSERT INTO cursors (workspace_id, name, seq) VALUES ($1, 'apps', 6), ($1, 'move:mv_1', 1)", acme.workspace_id)
    await execute(old, "INSERT INTO search_progress VALUES ($1, 'postgres', 8, '', -1, true, 0, 0, '')", globex.workspace_id)
    upkeep = an_upkeep(database)
    assert await upkeep.round() and upkeep.held[LOG_OLD].endswith("is behind it")
    await execute(old, "UPDATE cursors SET seq = 7 WHERE name = 'apps'")
    assert await upkeep.round() and upkeep.held == {LOG_OLD: f"a reader of {globex.workspace_id} is behind it"}
    await execute(old, "UPDATE search_progress SET seq = 9")
    assert await an_upkeep(database, log_days=36_500).round() and LOG_OLD in await partitions(old)
    assert await upkeep.round() and LOG_OLD not in await partitions(old)


@pytest.mark.parametrize("how", ["incoming", "moved", "published"])
async def test_the_log_of_a_workspace_that_moves_stays(database: Database, old: str, how: str) -> None:
    """Its rows are counted against the other cell's, and its readers are not all here."""
    acme = await a_workspace(old, state="active" if how == "published" else how)
    await log_row(old, acme.workspace_id, 1)
    if how == "published":
        rows = f"TABLE log WHERE (workspace_id = '{acme.workspace_id}')"
        await execute(old, f"CREATE PUBLICATION waggle_mv_1 FOR {rows} WITH (publish_via_partition_root = true)")
    upkeep = an_upkeep(database)
    assert await upkeep.round() and upkeep.held == {LOG_OLD: f"{acme.workspace_id} is moving"}
    if how == "published":
        await execute(old, "DROP PUBLICATION waggle_mv_1")
        assert await upkeep.round() and LOG_OLD not in await partitions(old)


async def test_whoever_was_killed_between_taking_out_and_removing_is_followed_up(database: Database, old: str) -> None:
    await execute(old, f"ALTER TABLE log DETACH PARTITION {LOG_OLD}")
    await execute(old, f"ALTER TABLE {LOG_OLD} RENAME TO retired_{LOG_OLD}")
    assert await an_upkeep(database).round()
    assert await execute(old, RETIRED) == []


async def test_one_worker_does_it(cell_database: FreshDatabase, database: Database, old: str) -> None:
    other = await asyncpg.connect(cell_database.app_url)
    try:
        async with other.transaction():
            await other.fetch("SELECT pg_advisory_xact_lock(hashtext('waggle.upkeep'))")
            busy = an_upkeep(database)
            assert await busy.round() and busy.held[LOG_OLD] == "another worker is at it"
            assert LOG_OLD in await partitions(old)
    finally:
        await other.close()

    async def three_at_once_did_it() -> bool:
        """Not always the first time: one may hold the table for a moment just when another asks for it, and nobody waits long."""
        assert all(await asyncio.gather(*(an_upkeep(database).round() for _ in range(3))))
        return LOG_OLD not in await partitions(old)

    await eventually(three_at_once_did_it)


async def test_nobody_waits_for_a_partition_that_somebody_holds(cell_database: FreshDatabase, database: Database, old: str) -> None:
    """A transaction that has the log open for long makes upkeep give up, and posts go on all the while."""
    acme = await a_workspace(old)
    reader = await asyncpg.connect(cell_database.owner_url)
    async with a_log(cell_database.app_url) as (_, log):
        await log.commit(acme, Say("before"))
        transaction = reader.transaction()
        await transaction.start()
        await reader.fetch("SELECT count(*) FROM log")
        upkeep = an_upkeep(database)
        working = asyncio.create_task(upkeep.round())
        waited_s = []
        while not working.done():
            began_s = time.monotonic()
            await log.commit(acme, Say("meanwhile"))
            waited_s.append(time.monotonic() - began_s)
        assert not await working or LOG_OLD in upkeep.held
        assert max(waited_s) < POST_S_MAX, waited_s
        assert LOG_OLD in await partitions(old)
        await transaction.rollback()
        await reader.close()
    assert await upkeep.round() and LOG_OLD not in await partitions(old)


async def test_the_figures_are_the_databases(database: Database, old: str) -> None:
    acme = await a_workspace(old)
    for number in range(50):
        await log_row(old, acme.workspace_id, number + 1)
    await execute(old, "DELETE FROM log WHERE seq > 30")
    await execute(old, "VACUUM log")
    await execute(old, "DELETE FROM log WHERE seq > 20")
    await message(old, acme.workspace_id)
    holder = await asyncpg.connect(old, server_settings={"application_name": "sleeper"})
    transaction = holder.transaction(isolation="repeatable_read")
    await transaction.start()
    await holder.fetch("SELECT 1 FROM tenancy")
    for _ in range(3):
        await execute(old, "SELECT pg_current_xact_id()")
    await execute(old, "SELECT pg_stat_force_next_flush()")

    async def seen() -> bool:
        log = next(table for table in (await measure_upkeep(database, ["log", "messages"])).tables if table.table == "log")
        return (log.live_rows, log.dead_rows) == (20, 10)

    await eventually(seen)
    found = await measure_upkeep(database, ["log", "messages"])
    log = next(table for table in found.tables if table.table == "log")
    assert 0 <= log.vacuumed_age_s < 60 and log.table_bytes > 0 and log.index_bytes > 0
    assert found.total.live_rows >= 21 and found.total.table_bytes >= log.table_bytes
    assert found.xmin_holder.startswith("sleeper, pid ") and found.xmin_age >= 3
    assert found.frozen_age > 0 and found.wraparound_left > 2**30
    weeks, months = found.partitions
    assert 28 <= weeks.ahead_days <= 35 and 89 <= months.ahead_days <= 123
    assert weeks.behind_days > 700 and weeks.default_rows == 0 and weeks.count >= 6
    await transaction.rollback()
    await holder.close()


async def test_what_lies_where_nothing_can_be_taken_out_goes_row_by_row(
    database: Database, old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the default partition, and in one that another workspace needs; never what a reader has not read, nor what moves."""
    monkeypatch.setattr(partitions_module, "TRIMMED_MAX", 4)
    monkeypatch.setattr(upkeep_module, "TRIMMED_MAX", 4)
    acme, globex, moving = await a_workspace(old), await a_workspace(old), await a_workspace(old, state="incoming")
    for number in range(1, 11):
        await log_row(old, acme.workspace_id, number)
        await log_row(old, moving.workspace_id, number)
        astray = "INSERT INTO log VALUES ($1, $2, $3, 'message', '{C1}', '{}')"
        await execute(old, astray, globex.workspace_id, number, 1_000_000 * number)
    await execute(old, "INSERT INTO cursors (workspace_id, name, seq) VALUES ($1, 'apps', 6)", acme.workspace_id)
    assert await an_upkeep(database).round()
    left = await execute(old, "SELECT workspace_id, array_agg(seq::int ORDER BY seq) AS seqs FROM log GROUP BY 1")
    assert {row["workspace_id"]: row["seqs"] for row in left} == {
        acme.workspace_id: [7, 8, 9, 10],
        moving.workspace_id: list(range(1, 11)),
    }


async def test_a_workspace_moves_to_a_cell_that_lacks_its_partitions_while_both_are_kept_up(
    other: FreshDatabase, cell_database: FreshDatabase, old: str
) -> None:
    """What is old arrives in the default partitions, nothing goes on either side until the move is over, and then it does."""
    async with a_side(cell_database) as source, a_side(other) as target:
        ours = make_workspace_id()
        await source.ownership.admit(ours, "acme", "acme", 1)
        await say(source, ours, 20)
        for number in range(100, 110):
            await log_row(old, ours, number)
        await message(old, ours)
        await execute(old, "INSERT INTO cursors (workspace_id, name, seq) VALUES ($1, 'apps', 99)", ours)
        upkeeps = [an_upkeep(side.database) for side in (source, target)]
        copying = asyncio.create_task(copied(source, target, ours))
        while not copying.done():
            assert await upkeeps[0].round()
        await copying
        assert all([await upkeep.round() for upkeep in upkeeps])
        back, _ = await target.moves.publish(MOVE, ours)
        await source.moves.follow(MOVE, ours, back)
        sealed = await source.ownership.seal(ours, 1, 5000, f"waggle_{MOVE}", f"move:{MOVE}", 7)
        assert (await target.moves.await_mark(MOVE, ours, 7, 20))[0]
        assert (await compared(source, target, ours)).differs == []
        assert {row["name"] for row in await execute(other.owner_url, ASTRAY)} == {"log_default", "messages_default"}
        await target.ownership.take(ours, 2, sealed.seq, sealed.last_ts_us)
        await source.ownership.retire(ours, 2, "b")
        assert await upkeeps[0].round() and upkeeps[0].held[LOG_OLD] == f"{ours} is moving"
        await execute(other.owner_url, "UPDATE cursors SET seq = 109 WHERE name = 'apps'")
        assert await upkeeps[1].round() and "log_default" in {row["name"] for row in await execute(other.owner_url, ASTRAY)}
        for side in (source, target):
            await side.moves.drop(MOVE, ours)
        while not (await source.moves.purge(ours, forget=False))[0]:
            pass
        assert all([await upkeep.round() for upkeep in upkeeps])
        assert not {LOG_OLD, MESSAGES_OLD} & await partitions(old)
        assert {row["name"] for row in await execute(other.owner_url, ASTRAY)} == {"messages_default"}
