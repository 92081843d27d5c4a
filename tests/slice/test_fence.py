"""I1: only the owner at its epoch writes, and a freeze ends every transaction that had begun."""

import asyncio

import pytest

from cells.runtime.bus import Bus
from cells.runtime.log import Transaction
from cells.runtime.tenancy import (
    Frozen,
    Incoming,
    Moved,
    NotExecuted,
    NotMine,
    Overloaded,
    StaleEpoch,
    Suspended,
    TenancyTable,
    TenantScope,
)
from cells.runtime.transfer import Ownership
from cells.runtime.transfer.locking import RowLocked
from chassis.identity import make_workspace_id
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.workspaces import Say, SayAlone, a_log, a_workspace, execute, set_tenancy

pytestmark = pytest.mark.anyio


class Held:
    """A change that stays in its transaction until it is let go."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.let_go = asyncio.Event()

    async def apply(self, tx: Transaction) -> int:
        answer = await Say("held").apply(tx)
        self.begun.set()
        await self.let_go.wait()
        return answer


async def test_a_stale_process_commits_nothing(cell_database: FreshDatabase) -> None:
    scope = await a_workspace(cell_database.owner_url)
    async with a_log(cell_database.app_url) as (_, stale), a_log(cell_database.app_url) as (_, current):
        await stale.commit(scope, Say("before"))
        await set_tenancy(cell_database.owner_url, scope.workspace_id, "active", 2)
        for change in (Say("late"), SayAlone("late")):
            with pytest.raises(StaleEpoch) as refusal:
                await stale.commit(scope, change)
            assert refusal.value.epoch == 2
        await current.commit(TenantScope(scope.workspace_id, 2), Say("after"))
        assert [event.payload for event in await current.read(scope, 0)] == ["before", "after"]


async def test_an_epoch_that_changes_while_a_writer_waits_for_the_row_stops_it(cell_database: FreshDatabase) -> None:
    scope = await a_workspace(cell_database.owner_url)
    async with a_log(cell_database.app_url) as (database, log):
        async with database.writing(scope) as connection:
            await connection.exec_driver_sql("UPDATE tenancy SET epoch = 2")
            late = asyncio.create_task(log.commit(scope, Say("late")))
            await waiting_for_a_lock(cell_database)
        with pytest.raises(StaleEpoch):
            await late
        assert await log.read(scope, 0) == []


async def waiting_for_a_lock(cell_database: FreshDatabase) -> None:
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    await eventually(lambda: execute(cell_database.owner_url, waiting), within_s=5)


@pytest.mark.parametrize(("state", "refusal"), [("incoming", Incoming), ("frozen", Frozen), ("suspended", Suspended), ("moved", Moved)])
async def test_what_is_not_active_is_not_executed(cell_database: FreshDatabase, state: str, refusal: type[NotExecuted]) -> None:
    scope = await a_workspace(cell_database.owner_url, state=state)
    async with a_log(cell_database.app_url) as (_, log):
        with pytest.raises(refusal):
            await log.commit(scope, Say("no"))
        assert await log.head(scope) == 0


async def test_an_unknown_workspace_is_not_mine(cell_database: FreshDatabase) -> None:
    async with a_log(cell_database.app_url) as (_, log):
        with pytest.raises(NotMine):
            await log.commit(TenantScope(make_workspace_id(), 1), Say("no"))


async def test_freeze_waits_for_the_transaction_in_flight_and_no_other_follows(cell_database: FreshDatabase) -> None:
    scope, held = await a_workspace(cell_database.owner_url), Held()
    async with a_log(cell_database.app_url) as (database, log):
        ownership = Ownership(database, TenancyTable(database), no_bus())
        writing = asyncio.create_task(log.commit(scope, held))
        await held.begun.wait()
        freezing = asyncio.create_task(ownership.freeze(scope.workspace_id, 1, 5_000))
        await waiting_for_a_lock(cell_database)
        assert not freezing.done()
        held.let_go.set()
        frozen = await freezing
        assert (await writing, frozen.state, frozen.seq) == (frozen.last_ts_us, "frozen", 1)
        with pytest.raises(Frozen):
            await log.commit(scope, Say("late"))


async def test_freeze_past_its_deadline_changes_nothing_and_names_the_blocker(cell_database: FreshDatabase) -> None:
    scope, held = await a_workspace(cell_database.owner_url), Held()
    async with a_log(cell_database.app_url) as (database, log):
        ownership = Ownership(database, TenancyTable(database), no_bus())
        writing = asyncio.create_task(log.commit(scope, held))
        await held.begun.wait()
        blocker = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
        ((pid,),) = await execute(cell_database.owner_url, blocker)
        with pytest.raises(RowLocked, match=rf"pid {pid} \(waggle-cell, idle in transaction"):
            await ownership.freeze(scope.workspace_id, 1, 100)
        held.let_go.set()
        await writing
        await log.commit(scope, Say("still open"))


async def test_a_database_that_drops_everyone_costs_the_work_in_flight_and_nothing_else(cell_database: FreshDatabase) -> None:
    scope, held = await a_workspace(cell_database.owner_url), Held()
    everyone = "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'waggle_app'"
    async with a_log(cell_database.app_url) as (_, log):
        await asyncio.gather(*(log.head(scope) for _ in range(8)))  # fills the pool
        writing = asyncio.create_task(log.commit(scope, held))
        await held.begun.wait()
        await execute(cell_database.owner_url, everyone)
        held.let_go.set()
        with pytest.raises(Overloaded):
            await writing
        await log.commit(scope, Say("next"))
        assert [event.payload for event in await log.read(scope, 0)] == ["next"]


def no_bus() -> Bus | None:
    return None
