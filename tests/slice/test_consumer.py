"""I3: a consumer's cursor moves with what it stored, survives crashes, and stops with the workspace."""

import asyncio
from collections.abc import Sequence

import pytest

from cells.runtime.jobs import Consumer
from cells.runtime.log import LoggedEvent, Transaction
from chassis.backoff import Backoff
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.workspaces import Say, a_log, a_workspace, set_tenancy

pytestmark = pytest.mark.anyio

SOON = Backoff(first_s=0.001, limit_s=0.01)


class Crash(Exception):
    pass


class Seen:
    """Remembers what was handled; what was handled before a crash is not stored."""

    def __init__(self, crashes: int = 0) -> None:
        self.payloads: list[str] = []
        self.crashes = crashes

    async def handle(self, tx: Transaction, events: Sequence[LoggedEvent]) -> None:
        if self.crashes:
            self.crashes -= 1
            raise Crash
        self.payloads += [event.payload for event in events]


async def test_events_are_handled_in_order_and_again_after_a_crash(cell_database: FreshDatabase) -> None:
    scope, seen = await a_workspace(cell_database.owner_url), Seen(crashes=2)
    async with a_log(cell_database.app_url) as (database, log):
        consumer = Consumer("search", seen.handle, log, database, SOON)
        running = asyncio.create_task(consumer.run(scope))
        for at in range(20):
            await log.commit(scope, Say(f"{at}"))
        await eventually(lambda: len(seen.payloads) == 20)
        assert seen.payloads == [f"{at}" for at in range(20)] and await consumer.position(scope) == 20
        await set_tenancy(cell_database.owner_url, scope.workspace_id, "moved", 2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_another_process_goes_on_where_the_first_ended_and_two_do_not_handle_twice(cell_database: FreshDatabase) -> None:
    scope, first, second = await a_workspace(cell_database.owner_url), Seen(), Seen()
    async with a_log(cell_database.app_url) as (database, log), a_log(cell_database.app_url) as (other_database, other):
        for at in range(3):
            await log.commit(scope, Say(f"{at}"))
        assert await Consumer("search", first.handle, log, database).step(scope) == 3
        tasks = [
            asyncio.create_task(Consumer("search", seen.handle, each, its, SOON).run(scope))
            for seen, each, its in ((first, log, database), (second, other, other_database))
        ]
        for at in range(3, 30):
            await log.commit(scope, Say(f"{at}"))
        await eventually(lambda: len(first.payloads) + len(second.payloads) == 30)
        assert sorted(map(int, first.payloads + second.payloads)) == list(range(30))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_it_ends_when_the_workspace_has_left(cell_database: FreshDatabase) -> None:
    scope, seen = await a_workspace(cell_database.owner_url), Seen()
    async with a_log(cell_database.app_url) as (database, log):
        await log.commit(scope, Say("last"))
        await set_tenancy(cell_database.owner_url, scope.workspace_id, "moved", 2)
        async with asyncio.timeout(5):
            await Consumer("search", seen.handle, log, database, SOON).run(scope)
        assert await Consumer("search", seen.handle, log, database).position(scope) == 0
