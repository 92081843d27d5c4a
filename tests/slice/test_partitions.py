"""A cell that runs for years always has partitions ahead, of the log and of what its workload says."""

import pytest

from cells.chat.workload import chat
from cells.runtime.bus import Claims
from cells.runtime.log import LOG_PARTITIONS, make_partitions
from cells.runtime.tenancy import open_database
from chassis.clock import SystemClock
from tests.harness.databases import FreshDatabase
from tests.harness.workspaces import execute

pytestmark = pytest.mark.anyio

PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent IN ('log'::regclass, 'messages'::regclass)"


async def test_what_time_has_used_up_is_made_again(cell_database: FreshDatabase) -> None:
    clock = SystemClock()
    wanted = {**LOG_PARTITIONS, **chat(clock, Claims(None, clock)).partitions}
    before = {row[0] for row in await execute(cell_database.owner_url, PARTITIONS)}
    furthest = [max(name for name in before if name.startswith(table)) for table in ("log_2", "messages_2")]
    for name in furthest:
        await execute(cell_database.owner_url, f"DROP TABLE {name}")
    async with open_database(cell_database.app_url) as database:
        assert await make_partitions(database, wanted) == len(furthest)
        assert await make_partitions(database, wanted) == 0
    assert {row[0] for row in await execute(cell_database.owner_url, PARTITIONS)} == before
