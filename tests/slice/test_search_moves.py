"""A workspace with a full search index moves: what was found before is found in its new cell, at once."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from cells.chat.domain.catalogue import chat_tables
from cells.runtime.log import LoggedTenant
from cells.runtime.tenancy import TenancyTable, TenantScope
from cells.runtime.transfer import Forgetting, Moves, OwnerDatabase, Ownership, travelling
from chassis.clock import SystemClock
from chassis.identity import WorkspaceId
from tests.harness.chat import Chat, ChatClient, Workspace, a_chat
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.searching import found, index
from tests.harness.workspaces import execute

pytestmark = pytest.mark.anyio

MOVE = "mv_0123456789ab"
TEXTS = [f"the {word} report of week {n}" for n, word in enumerate(("rocket", "boiler", "budget", "rocketry") * 20)]
QUERIES = ("rocket", "*ocke*", "rock*", '"budget report"', "report -rocket", "from:me boiler", "in:#general week", "nothing")


@pytest.fixture
def two(make_cell_database: Callable[[], FreshDatabase]) -> tuple[FreshDatabase, FreshDatabase]:
    return make_cell_database(), make_cell_database()


@dataclass
class Cell:
    chat: Chat
    ownership: Ownership
    moves: Moves
    forgotten: list[int]
    """How many rows of its index were there when a part was asked to be forgotten."""


@asynccontextmanager
async def a_cell(fresh: FreshDatabase) -> AsyncIterator[Cell]:
    owner, forgotten = OwnerDatabase(fresh.owner_url), list[int]()

    async def forget(workspace_id: WorkspaceId) -> int:
        rows = await execute(fresh.owner_url, "SELECT count(*) AS n FROM search_messages WHERE workspace_id = $1", workspace_id)
        forgotten.append(rows[0]["n"])
        return 2 - len(forgotten)

    async with a_chat(fresh) as chat:
        table = TenancyTable(chat.database)
        ownership = Ownership(chat.database, table, None)
        try:
            moves = Moves(owner, travelling(chat_tables()), ownership, table.wake, Forgetting(forget, SystemClock()))
            yield Cell(chat, ownership, moves, forgotten)
        finally:
            await owner.close()


async def carry(source: Cell, target: Cell, workspace_id: WorkspaceId) -> None:
    connection, row = await source.moves.publish(MOVE, workspace_id)
    await target.ownership.receive(workspace_id, row.epoch, row.secret, row.name, row.subdomain)

    async def copied() -> bool:
        return (await target.moves.copy(MOVE, workspace_id, connection))[0]

    await eventually(copied, within_s=30)
    await source.ownership.mark(workspace_id, f"move:{MOVE}", 0)
    sealed = await source.ownership.seal(workspace_id, 1, 1000, f"waggle_{MOVE}", f"move:{MOVE}", 7)
    assert (await target.moves.await_mark(MOVE, workspace_id, 7, 10))[0]
    await target.ownership.take(workspace_id, 2, sealed.seq, sealed.last_ts_us)
    await source.ownership.retire(workspace_id, 2, "b")
    for side in (source, target):
        await side.moves.drop(MOVE, workspace_id)


async def at_home(cell: Cell, workspace: Workspace) -> Workspace:
    """The same people in another cell."""
    scope = TenantScope(workspace.scope.workspace_id, 2)
    tenant = LoggedTenant(await cell.ownership.look(scope.workspace_id), scope, cell.chat.database, cell.chat.log)
    owner, bot = (ChatClient(cell.chat.workload.app, tenant, of.token, of.user_id) for of in (workspace.owner, workspace.bot))
    return Workspace(cell.chat.workload, tenant, owner, bot, workspace.general)


async def test_a_full_index_is_searched_where_it_arrives_and_is_gone_where_it_was(two: tuple[FreshDatabase, FreshDatabase]) -> None:
    async with a_cell(two[0]) as a, a_cell(two[1]) as b:
        before = await a.chat.found("acme")
        for text in TEXTS:
            await before.owner.call("chat.postMessage", channel=before.general, text=text)
        await index(before)
        answers = {query: await found(before.owner, query, count=100) for query in QUERIES}
        assert [len(texts) for texts in answers.values()] == [20, 40, 40, 20, 60, 20, 80, 0]
        await carry(a, b, before.scope.workspace_id)
        after = await at_home(b, before)
        assert {query: await found(after.owner, query, count=100) for query in QUERIES} == answers
        [engine] = (await after.command("search.status"))["engines"].values()
        assert (engine["state"], engine["documents"]) == ("whole", len(TEXTS))
        await after.owner.call("chat.postMessage", channel=after.general, text="a rocket of the new cell")
        await index(after)
        assert len(await found(after.owner, "rocket", count=100)) == 21
        parts = [await a.moves.purge(before.scope.workspace_id, forget=False) for _ in range(3)]
        assert [done for done, _ in parts] == [False, False, True]
        assert a.forgotten == [0, 0], "asked before the rows were gone"
