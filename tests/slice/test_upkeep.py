"""Partitions that go: only when nobody needs a row in them, whoever watches, and without anybody having to wait."""

import asyncio
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest

from cells.app.upkeep import DAY_US, Upkeep
from cells.chat.workload import chat
from cells.runtime.bus import Claims
from cells.runtime.tenancy import Database, open_database
from chassis.clock import SystemClock
from tests.harness.databases import FreshDatabase
from tests.harness.workspaces import Say, a_log, a_workspace, execute

pytestmark = pytest.mark.anyio

PARTITIONS = "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent IN ('log'::regclass, 'messages'::regclass)"
RETIRED = "SELECT relname FROM pg_class WHERE relname LIKE 'retired_%' AND relkind = 'r'"
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
    assert await upkeep.round() and "is behind it (" in upkeep.held[LOG_OLD]
    await execute(old, "UPDATE cursors SET seq = 7 WHERE name = 'apps'")
    assert await upkeep.round() and upkeep.held == {LOG_OLD: f"a reader of {globex.workspace_id} is behind it (search_progress)"}
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
    rounds = await asyncio.gather(*(an_upkeep(database).round() for _ in range(3)))
    assert all(rounds) and LOG_OLD not in await partitions(old)


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
