"""Work that waits for its time is done once, by whoever owns the workspace when it is due."""

import asyncio
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cells.runtime.jobs import DueWork, drop_due, plan_due
from cells.runtime.log import Event, Transaction, WorkspaceLog
from cells.runtime.tenancy import Database, TenantScope
from tests.harness.clock import ManualClock
from tests.harness.databases import FreshDatabase
from tests.harness.workspaces import a_log, a_workspace, execute, set_tenancy

pytestmark = pytest.mark.anyio
SECOND_US = 1_000_000
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Plan:
    key: str
    due_us: int

    async def apply(self, tx: Transaction) -> None:
        await plan_due(tx, "say", self.key, self.due_us)


@dataclass(frozen=True)
class Drop:
    key: str

    async def apply(self, tx: Transaction) -> None:
        await drop_due(tx, "say", self.key)


@dataclass
class Saying:
    """Announces its key; fails for keys that it is told to."""

    broken: set[str] = field(default_factory=set)

    async def __call__(self, tx: Transaction, key: str) -> None:
        tx.append(Event("said", ("C1",), key))
        if key in self.broken:
            raise RuntimeError("broken")


def a_worker(saying: Saying, database: Database, log: WorkspaceLog, clock: ManualClock) -> DueWork:
    return DueWork({"say": saying}, database, log, clock)


async def said(log: WorkspaceLog, scope: TenantScope) -> list[str]:
    return [event.payload for event in await log.read(scope, 0)]


async def left(databases: FreshDatabase) -> list[str]:
    return [row[0] for row in await execute(databases.owner_url, "SELECT key FROM due ORDER BY key")]


async def test_each_is_done_once_when_its_time_has_come(cell_database: FreshDatabase) -> None:
    """By two workers at once, in several workspaces; planned again it is done at the last time, dropped it is not."""
    clock, saying = ManualClock(), Saying()
    scopes = [await a_workspace(cell_database.owner_url) for _ in range(3)]
    async with a_log(cell_database.app_url) as (database, log), a_log(cell_database.app_url) as (other_database, other_log):
        workers = [a_worker(saying, database, log, clock), a_worker(saying, other_database, other_log, clock)]
        now_us = clock.now_us()
        for scope in scopes:
            for key, seconds in (("a", 1), ("b", 1), ("c", 5), ("d", 1), ("e", 1)):
                await log.commit(scope, Plan(key, now_us + seconds * SECOND_US))
            await log.commit(scope, Plan("d", now_us + 5 * SECOND_US))
            await log.commit(scope, Drop("e"))
        assert await workers[0].step() == 0
        clock.advance(1)
        await asyncio.gather(*(worker.step() for worker in workers))
        assert [sorted(await said(log, scope)) for scope in scopes] == [["a", "b"]] * 3
        clock.advance(4)
        await asyncio.gather(*(worker.step() for worker in workers))
        assert [sorted(await said(log, scope)) for scope in scopes] == [["a", "b", "c", "d"]] * 3
        assert await left(cell_database) == []


async def test_work_that_fails_stores_nothing_and_holds_no_other_up(cell_database: FreshDatabase) -> None:
    clock, saying = ManualClock(), Saying(broken={"b"})
    scope = await a_workspace(cell_database.owner_url)
    async with a_log(cell_database.app_url) as (database, log):
        worker = a_worker(saying, database, log, clock)
        for key in "abc":
            await log.commit(scope, Plan(key, clock.now_us()))
        await worker.step()
        assert sorted(await said(log, scope)) == ["a", "c"] and await left(cell_database) == ["b"]
        assert await worker.step() == 0, "it waits a while before it is tried again"
        saying.broken.clear()
        clock.advance(2)
        await worker.step()
        assert sorted(await said(log, scope)) == ["a", "b", "c"] and await left(cell_database) == []


async def test_it_is_done_by_the_owner_alone(cell_database: FreshDatabase) -> None:
    """Held by a move it waits; moved away it is the new owner's, though the row is here still."""
    clock, saying = ManualClock(), Saying()
    scope = await a_workspace(cell_database.owner_url)
    async with a_log(cell_database.app_url) as (database, log):
        worker = a_worker(saying, database, log, clock)
        await log.commit(scope, Plan("a", clock.now_us()))
        for state in ("frozen", "moved", "incoming", "suspended"):
            await set_tenancy(cell_database.owner_url, scope.workspace_id, state, 2)
            assert await worker.step() == 0 and await said(log, scope) == []
        await set_tenancy(cell_database.owner_url, scope.workspace_id, "active", 2)
        found = await worker._look()
        await set_tenancy(cell_database.owner_url, scope.workspace_id, "active", 3)
        await asyncio.gather(*(worker._do(task) for task in found))
        assert await said(log, scope) == [], "looked at before a move, done after it: the fence refuses"
        await worker.step()
        assert await said(log, scope) == ["a"]


WORKER = """
import asyncio, sys
from cells.runtime.jobs import DueWork
from cells.runtime.log import Event
from chassis.clock import SystemClock
from tests.harness.workspaces import a_log
EDGE = sys.argv[2]

async def hang(edge):
    if edge == EDGE:
        print("here", flush=True)
        await asyncio.Event().wait()

async def say(tx, key):
    await hang("before")
    tx.append(Event("said", ("C1",), key))
    await hang("stored")

async def main():
    async with a_log(sys.argv[1]) as (database, log):
        worker = DueWork({"say": say}, database, log, SystemClock())
        await worker.step()
        await hang("committed")

asyncio.run(main())
"""


async def killed_at(edge: str, app_url: str) -> None:
    """A worker process that gets as far as `edge` and is killed there by SIGKILL."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, app_url, edge, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert await process.stdout.readline() == b"here\n"
        process.send_signal(signal.SIGKILL)
        await process.wait()


async def test_a_worker_that_is_killed_leaves_it_undone_or_done(cell_database: FreshDatabase) -> None:
    """At each edge, one after the other: what the next one finds is done once."""
    scope, saying = await a_workspace(cell_database.owner_url), Saying()
    async with a_log(cell_database.app_url) as (database, log):
        for number, edge in enumerate(("before", "stored", "committed")):
            await log.commit(scope, Plan(edge, 1))
            await killed_at(edge, cell_database.app_url)
            assert len(await said(log, scope)) == number + (edge == "committed")
            await a_worker(saying, database, log, ManualClock()).step()
            assert await said(log, scope) == ["before", "stored", "committed"][: number + 1]
        assert await left(cell_database) == []
