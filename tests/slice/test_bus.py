"""Redis may lose everything: followers in another process hear by it sooner, and without it all the same."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cells.runtime.bus import Bus, Claims
from cells.runtime.log import WorkspaceLog
from cells.runtime.tenancy import TenantScope
from chassis.clock import SystemClock
from control_plane.provision.processes import free_port
from control_plane.provision.valkey import Valkey
from tests.harness.databases import FreshDatabase
from tests.harness.workspaces import Say, a_log, a_workspace

pytestmark = pytest.mark.anyio

DEADLINE_S = 20


@asynccontextmanager
async def a_bus(url: str) -> AsyncIterator[Bus]:
    bus = Bus(url)
    async with bus.running():
        yield bus


async def collect(log: WorkspaceLog, scope: TenantScope, into: list[str], count: int) -> None:
    async for event in log.follow(scope.workspace_id, 0):
        into.append(event.payload)
        if len(into) == count:
            return


async def test_another_process_hears_a_commit_with_its_events(cell_database: FreshDatabase, redis_url: str) -> None:
    scope, heard = await a_workspace(cell_database.owner_url), asyncio.Queue[bytes]()
    async with asyncio.timeout(DEADLINE_S), a_bus(redis_url) as here, a_bus(redis_url) as there:
        there.subscribe(f"log:{scope.workspace_id}", heard.put_nowait)
        here.subscribe(f"log:{scope.workspace_id}", lambda _: pytest.fail("heard itself"))
        await asyncio.gather(here.until_connected(), there.until_connected())
        async with a_log(cell_database.app_url, here) as (_, log):
            await log.commit(scope, Say("hello"))
            assert b"hello" in await heard.get()


async def test_followers_get_everything_though_redis_dies_and_comes_back(cell_database: FreshDatabase, tmp_path: Path) -> None:
    scope, seen = await a_workspace(cell_database.owner_url), list[str]()
    valkey = Valkey(tmp_path / "valkey", free_port())
    await valkey.start()
    try:
        async with asyncio.timeout(DEADLINE_S), a_bus(valkey.url) as here, a_bus(valkey.url) as there:
            await asyncio.gather(here.until_connected(), there.until_connected())
            async with a_log(cell_database.app_url, here) as (_, writing), a_log(cell_database.app_url, there) as (_, reading):
                following = asyncio.create_task(collect(reading, scope, seen, 90))
                await say(writing, scope, range(30))
                await valkey.stop()
                await say(writing, scope, range(30, 60))
                await valkey.start()
                await asyncio.gather(here.until_connected(), there.until_connected())
                await say(writing, scope, range(60, 90))
                await following
    finally:
        await valkey.stop()
    assert seen == [f"{at}" for at in range(90)]


async def say(log: WorkspaceLog, scope: TenantScope, numbers: range) -> None:
    for at in numbers:
        await log.commit(scope, Say(f"{at}"))


async def test_garbage_on_the_bus_harms_nobody(cell_database: FreshDatabase, redis_url: str) -> None:
    scope, seen = await a_workspace(cell_database.owner_url), list[str]()
    async with asyncio.timeout(DEADLINE_S), a_bus(redis_url) as here, a_bus(redis_url) as there:
        await asyncio.gather(here.until_connected(), there.until_connected())
        async with a_log(cell_database.app_url, here) as (_, writing), a_log(cell_database.app_url, there) as (_, reading):
            following = asyncio.create_task(collect(reading, scope, seen, 2))
            await say(writing, scope, range(1))
            here.publish(f"log:{scope.workspace_id}", b"\xc1garbage")
            here.publish(f"log:{scope.workspace_id}", b"")
            await say(writing, scope, range(1, 2))
            await following
    assert seen == ["0", "1"]


async def test_a_claim_is_for_one_across_processes_and_for_one_here_without_redis(redis_url: str) -> None:
    async with asyncio.timeout(DEADLINE_S), a_bus(redis_url) as here, a_bus(redis_url) as there:
        await asyncio.gather(here.until_connected(), there.until_connected())
        claims, ticket = (Claims(here, SystemClock()), Claims(there, SystemClock())), secrets.token_hex(8)
        assert [await each.claim(ticket, 30) for each in claims] == [True, False]
    alone = Claims(None, SystemClock())
    assert [await alone.claim("ticket", 30), await alone.claim("ticket", 30)] == [True, False]
