"""A worker follows each workspace while it lives in the cell: begun when it comes, ended when it leaves, begun again where one fell."""

import asyncio

import pytest

from cells.runtime.jobs import Followers
from cells.runtime.log import LoggedTenant, Tenants
from cells.runtime.tenancy import TenancyTable
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.workspaces import a_log, a_workspace, set_tenancy

pytestmark = pytest.mark.anyio


async def test_followers_come_and_go_with_workspaces(cell_database: FreshDatabase) -> None:
    first, second = await a_workspace(cell_database.owner_url), await a_workspace(cell_database.owner_url)
    following: set[str] = set()
    falls = [True]

    async def follow(tenant: LoggedTenant) -> None:
        if tenant.scope == second and falls:
            falls.pop()
            raise RuntimeError("fell")
        following.add(tenant.scope.workspace_id)
        try:
            await asyncio.Event().wait()
        finally:
            following.discard(tenant.scope.workspace_id)

    async with a_log(cell_database.app_url) as (database, log):
        table = TenancyTable(database)
        await table.refresh()
        followers = Followers({"search": follow}, Tenants(table, database, log))
        running = asyncio.create_task(followers.run())
        await eventually(lambda: following == {first.workspace_id, second.workspace_id})
        await set_tenancy(cell_database.owner_url, first.workspace_id, "moved", 2)
        await table.refresh()
        await eventually(lambda: following == {second.workspace_id})
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert following == set()
