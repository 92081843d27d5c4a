"""I2 with 64 writers in two processes: order of commits is order of seq and of ts, and nobody finds anything behind them."""

import asyncio
import sys
from pathlib import Path

import pytest

from cells.runtime.log import LoggedEvent, WorkspaceLog
from cells.runtime.tenancy import Database, TenantScope
from tests.harness.databases import FreshDatabase
from tests.harness.workspaces import a_log, a_workspace

pytestmark = pytest.mark.anyio

PROCESSES, WRITERS, EACH = 2, 32, 20
TOTAL = PROCESSES * WRITERS * EACH
DEADLINE_S = 60
WRITE = "import tests.slice.test_log_order as t; t.write_from_process()"


def write_from_process() -> None:
    """In a process of its own: app_url, workspace_id and a name in argv."""
    app_url, workspace_id, name = sys.argv[1:]
    asyncio.run(write(app_url, workspace_id, name))


async def write(app_url: str, workspace_id: str, name: str) -> None:
    from chassis.identity import WorkspaceId
    from tests.harness.workspaces import Say, SayAlone

    scope = TenantScope(WorkspaceId(workspace_id), 1)

    async def one(writer: int) -> None:
        for at in range(EACH):
            text = f"{name}-{writer} {at}"
            await log.commit(scope, SayAlone(text) if (writer + at) % 7 == 0 else Say(text))

    async with a_log(app_url) as (_, log):
        await asyncio.gather(*(one(writer) for writer in range(WRITERS)))


async def test_64_writers_two_processes_and_readers_who_never_miss(cell_database: FreshDatabase) -> None:
    scope = await a_workspace(cell_database.owner_url)
    async with a_log(cell_database.app_url) as (database, log), asyncio.timeout(DEADLINE_S):
        writers = [await start(cell_database, scope, name) for name in ("a", "b")]
        paging, following = asyncio.create_task(page_by_ts(database, scope)), asyncio.create_task(follow(log, scope))
        assert [await writer.wait() for writer in writers] == [0] * PROCESSES
        paged, followed = await paging, await following
        stored = await read_all(log, scope)
    assert [event.seq for event in followed] == list(range(1, TOTAL + 1))
    assert followed == stored and paged == [(event.ts_us, event.payload) for event in stored]
    assert len({event.ts_us for event in stored}) == TOTAL and sorted(event.ts_us for event in stored) == [event.ts_us for event in stored]
    assert_each_writer_in_order(stored)


async def start(cell_database: FreshDatabase, scope: TenantScope, name: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITE, cell_database.app_url, scope.workspace_id, name, cwd=Path(__file__).parents[2]
    )


async def page_by_ts(database: Database, scope: TenantScope) -> list[tuple[int, str]]:
    """Reads on from the newest time seen, in small pages; one that appeared behind would be missing at the end."""
    seen: list[tuple[int, str]] = []
    while len(seen) < TOTAL:
        async with database.reading(scope) as connection:
            newest = seen[-1][0] if seen else 0
            page = (
                f"SELECT ts_us, payload FROM log WHERE workspace_id = '{scope.workspace_id}' AND ts_us > {newest} ORDER BY ts_us LIMIT 50"
            )
            seen += [(row.ts_us, row.payload) for row in await connection.exec_driver_sql(page)]
    return seen


async def follow(log: WorkspaceLog, scope: TenantScope) -> list[LoggedEvent]:
    seen: list[LoggedEvent] = []
    async for event in log.follow(scope.workspace_id, 0):
        seen.append(event)
        if len(seen) == TOTAL:
            break
    return seen


async def read_all(log: WorkspaceLog, scope: TenantScope) -> list[LoggedEvent]:
    events: list[LoggedEvent] = []
    while page := await log.read(scope, len(events)):
        events += page
    return events


def assert_each_writer_in_order(events: list[LoggedEvent]) -> None:
    said: dict[str, list[int]] = {}
    for event in events:
        writer, _, at = event.payload.partition(" ")
        said.setdefault(writer, []).append(int(at))
    assert len(said) == PROCESSES * WRITERS and all(each == list(range(EACH)) for each in said.values())
