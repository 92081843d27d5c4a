"""The cell's migrations: again without effect, partitions ahead of time, one role for the application."""

import asyncio

import asyncpg
import pytest

from migrations.environment import head_of, migrate
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.workspaces import Say, a_log, a_workspace, execute

pytestmark = pytest.mark.anyio

PARTITIONS = "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'log'::regclass ORDER BY 1"


async def number(url: str, query: str) -> int:
    return int((await execute(url, query))[0][0])


async def test_a_second_run_changes_nothing(empty_database: FreshDatabase) -> None:
    assert await migrate("cell", empty_database.owner_url) == head_of("cell")
    assert await migrate("cell", empty_database.owner_url) == head_of("cell")


async def test_a_role_that_another_cell_of_the_server_changes_meanwhile_is_changed_again(cell_database: FreshDatabase) -> None:
    """The role is the server's, and PostgreSQL refuses whoever changes it second."""
    other = await asyncpg.connect(cell_database.owner_url)
    try:
        change = other.transaction()
        await change.start()
        await other.execute("ALTER ROLE waggle_app LOGIN")
        migrated = asyncio.create_task(migrate("cell", cell_database.owner_url))
        await eventually(lambda: number(cell_database.owner_url, "SELECT count(*) FROM pg_locks WHERE NOT granted"))
        await change.commit()
        assert await migrated == head_of("cell")
    finally:
        await other.close()


async def test_a_database_of_a_later_version_is_left_as_it_is(cell_database: FreshDatabase) -> None:
    """The code before goes on with it: a rollout may be taken back, its tables are not."""
    await execute(cell_database.owner_url, "UPDATE alembic_version SET version_num = '9999_later'")
    assert await migrate("cell", cell_database.owner_url) == "9999_later"


async def test_a_week_is_made_once_and_rows_lie_in_theirs(cell_database: FreshDatabase) -> None:
    before = await execute(cell_database.owner_url, PARTITIONS)
    assert len(before) == 1 + 6  # the default, last week, this week, four ahead
    assert await number(cell_database.app_url, "SELECT make_log_partitions(4) AS made") == 0
    assert await number(cell_database.app_url, "SELECT make_log_partitions(6) AS made") == 2
    scope = await a_workspace(cell_database.owner_url)
    async with a_log(cell_database.app_url) as (_, log):
        await log.commit(scope, Say("now"))
    assert await number(cell_database.owner_url, "SELECT count(*) FROM log_default") == 0


async def test_a_week_whose_rows_lie_in_the_default_stays_there(cell_database: FreshDatabase) -> None:
    far_us = "(extract(epoch FROM now() + interval '8 weeks') * 1000000)::bigint"
    await execute(cell_database.owner_url, f"INSERT INTO log SELECT 'T1', 1, {far_us}, 'x', '{{x}}', 'x'")
    assert await number(cell_database.app_url, "SELECT make_log_partitions(10) AS made") == 5  # of six


async def test_the_application_cannot_make_tables(cell_database: FreshDatabase) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await execute(cell_database.app_url, "CREATE TABLE mine (x int)")


BEFORE_UNREAD = (
    "INSERT INTO channels (workspace_id, channel_id, kind, name, creator_id, created_us, updated_us, topic, purpose, people)"
    " VALUES ('T1', 'C1', 'public_channel', 'c', 'U1', 1, 1, '', '', ''), ('T1', 'C2', 'public_channel', 'd', 'U1', 1, 1, '', '', '')",
    "INSERT INTO members VALUES ('T1', 'C1', 'U1', 1, 0), ('T1', 'C1', 'U2', 1, 0)",
    "INSERT INTO messages (workspace_id, channel_id, ts_us, user_id, text, thread_us, deleted_us) VALUES"
    " ('T1', 'C1', 10, 'U1', 'last', NULL, NULL), ('T1', 'C1', 11, 'U1', '', NULL, 12), ('T1', 'C1', 13, 'U1', 'reply', 10, NULL)",
)


async def test_channels_that_were_there_get_their_heads_and_counts(empty_database: FreshDatabase) -> None:
    """A message that is gone and a reply in its thread are no channel's head."""
    await migrate("cell", empty_database.owner_url, revision="0002_chat")
    for statement in BEFORE_UNREAD:
        await execute(empty_database.owner_url, statement)
    assert await migrate("cell", empty_database.owner_url) == head_of("cell")
    rows = await execute(empty_database.owner_url, "SELECT channel_id, latest_us, num_members FROM channels ORDER BY 1")
    assert [tuple(row) for row in rows] == [("C1", 10, 2), ("C2", 0, 0)]


async def test_months_far_ahead_are_given_up_unless_something_lies_in_them(empty_database: FreshDatabase) -> None:
    url = empty_database.owner_url
    months = "SELECT relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'messages'::regclass ORDER BY 1"
    await migrate("cell", url, revision="0015_search_once")
    before = [row[0] for row in await execute(url, months)]
    early = "(extract(epoch FROM date_trunc('month', now() AT TIME ZONE 'UTC') + interval '7 months') * 1000000)::bigint"
    await execute(url, f"INSERT INTO messages (workspace_id, channel_id, ts_us, user_id, text) VALUES ('T1', 'C1', {early}, 'U1', 'early')")
    await migrate("cell", url)
    left = [row[0] for row in await execute(url, months)]
    assert left == [*before[:5], before[8], "messages_default"], "last month, this one, three ahead, and the one that is in use"
    assert await number(url, "SELECT count(*) FROM messages WHERE text = 'early'") == 1
    assert await number(url, "SELECT make_message_partitions(3) AS made") == 0


async def test_giving_up_months_and_a_change_of_a_message_do_not_wait_for_one_another(empty_database: FreshDatabase) -> None:
    """A change locks the table, then its partitions; a migration that began at the partitions would be killed for it, or kill it."""
    url = empty_database.owner_url
    await migrate("cell", url, revision="0015_search_once")
    other = await asyncpg.connect(url)
    try:
        change = other.transaction()
        await change.start()
        await other.execute("LOCK TABLE ONLY messages IN ROW EXCLUSIVE MODE")
        migrated = asyncio.create_task(migrate("cell", url))
        await eventually(lambda: number(url, "SELECT count(*) FROM pg_locks WHERE NOT granted"))
        await other.execute("LOCK TABLE messages IN ROW EXCLUSIVE MODE")
        await change.commit()
        assert await migrated == head_of("cell")
    finally:
        await other.close()
