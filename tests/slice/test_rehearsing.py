"""A post in nobody's name: every statement of one, and nothing that stays."""

import pytest
from sqlalchemy import text

from cells.chat.domain.messages.rehearsing import RehearsePost
from cells.runtime.log import Rehearsal
from chassis.clock import SystemClock
from tests.harness.chat import a_chat
from tests.harness.databases import FreshDatabase
from tests.harness.workspaces import execute

pytestmark = pytest.mark.anyio

TABLES = ("messages", "log", "mentions", "cursors", "tenancy")


async def test_a_post_is_rehearsed_whole_and_nothing_of_it_is_stored(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        database = (await chat.found("acme")).tenant.database
        counted = " UNION ALL ".join(f"SELECT '{table}' AS name, count(*) AS n FROM {table}" for table in TABLES)
        before = await execute(cell_database.owner_url, counted)
        await Rehearsal(database, SystemClock(), RehearsePost).run()
        assert await execute(cell_database.owner_url, counted) == before
        async with database.upkeep() as connection:
            prepared = "SELECT statement FROM pg_prepared_statements WHERE statement LIKE ANY (ARRAY['%INTO messages%', '%INTO log%'])"
            assert len((await connection.execute(text(prepared))).all()) >= 2, "the first who come find them prepared"
