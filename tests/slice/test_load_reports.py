"""From a cell's process to the registry over real gRPC: loads arrive, also after the control plane was away; sizes are about right."""

from pathlib import Path

import grpc
import pytest

from cells.app.load_reports import LoadReports
from cells.runtime.tenancy import NotExecuted, TenancyTable, TenantScope, estimate_bytes
from chassis.clock import SystemClock
from chassis.identity import make_workspace_id
from chassis.rpc import channel
from control_plane.registry import open_registry
from protos.admin.v1 import rebalance_pb2, rebalance_pb2_grpc
from protos.directory.v1 import directory_pb2
from tests.harness.control import running_control_plane
from tests.harness.databases import FreshDatabase
from tests.harness.workspaces import Say, a_log, a_workspace, execute

pytestmark = pytest.mark.anyio

_KNOWN = (
    "INSERT INTO workspaces (id, subdomain, cell, epoch, state, plan, region, pins, owner_email, version, problem)"
    " VALUES ($1, lower($1), 'cell-1', 1, 'active', 'free', '', '{}', '', 0, '')"
)


async def test_a_cell_tells_what_its_workspaces_do_and_tells_it_later_when_nobody_listened(
    control_database: FreshDatabase, cell_database: FreshDatabase, tmp_path: Path
) -> None:
    scope = await a_workspace(cell_database.owner_url)
    async with a_log(cell_database.app_url, None) as (database, log):
        table = TenancyTable(database)
        async with channel("127.0.0.1:1", "nobody-listens-0123456789") as deaf:
            reports = reporting(deaf, table)
            await table.refresh()
            await reports.report()
        async with running_control_plane(control_database.app_url, tmp_path) as control:
            await control.heartbeat("cell-1", "127.0.0.1:9")
            await execute(control_database.owner_url, _KNOWN, scope.workspace_id)
            async with channel(control.address, control.credential) as line, open_registry(control_database.app_url) as registry:
                reports = reporting(line, table)
                await reports.report()
                for number in range(120):
                    await log.commit(scope, Say(f"said {number}"))
                await table.refresh()
                await reports.report()
                found = await registry.loads.get(scope.workspace_id)
                assert found is not None and found.connections == 3
                assert found.events_per_s == pytest.approx(120 / 600, rel=0.15)


def reporting(line: grpc.aio.Channel, table: TenancyTable) -> LoadReports:
    return LoadReports(
        line=line, cell="cell-1", process_id="p1", table=table, sessions_of=lambda _: 3, tells_seqs=True, clock=SystemClock()
    )


async def test_what_is_no_report_is_refused_and_a_token_of_an_administrator_opens_rebalancing(
    control_database: FreshDatabase, tmp_path: Path
) -> None:
    async with running_control_plane(control_database.app_url, tmp_path) as control:
        one = directory_pb2.WorkspaceLoad(workspace_id=make_workspace_id(), seq=1)
        for loads in ([directory_pb2.WorkspaceLoad(workspace_id="no id")], [one] * 1_001):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await control.registration.ReportLoads(directory_pb2.ReportLoadsRequest(cell="cell-1", process_id="p", loads=loads))
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        async with open_registry(control_database.app_url) as registry:
            token = await registry.tokens.insert("ann")
        async with channel(control.address, token) as anns:
            rebalance = rebalance_pb2_grpc.RebalanceStub(anns)
            assert (await rebalance.Plan(rebalance_pb2.PlanRequest())).workspaces == 0
            with pytest.raises(grpc.aio.AioRpcError) as empty:
                await rebalance.Show(rebalance_pb2.RunRef())
        assert (empty.value.code(), empty.value.details()) == (
            grpc.StatusCode.NOT_FOUND,
            "nothing was rebalanced yet; see: waggle rebalance plan",
        )


async def test_a_size_is_estimated_from_what_the_planner_knows(cell_database: FreshDatabase) -> None:
    small, large = await a_workspace(cell_database.owner_url), await a_workspace(cell_database.owner_url)
    async with a_log(cell_database.app_url, None) as (database, log):
        for scope, count in ((small, 20), (large, 400)):
            for number in range(count):
                await log.commit(scope, Say(f"{number} " + "x" * 500))
        await execute(cell_database.owner_url, "ANALYZE log")

        async def sized(scope: TenantScope) -> tuple[int, int]:
            of = "SELECT sum(pg_column_size(l.*))::int AS size FROM log l WHERE workspace_id = $1"
            (row,) = await execute(cell_database.owner_url, of, scope.workspace_id)
            return await estimate_bytes(database, scope, ["log", "due"]), row["size"]

        for scope in (small, large):
            about, true = await sized(scope)
            assert 0.5 * true < about < 2 * true + 10_000


async def test_a_size_that_cannot_be_had_now_is_no_end_of_sizing(cell_database: FreshDatabase) -> None:
    scope = await a_workspace(cell_database.owner_url)
    await execute(cell_database.owner_url, "ALTER TABLE due RENAME TO gone")
    async with a_log(cell_database.app_url, None) as (database, _):
        with pytest.raises(NotExecuted):
            await estimate_bytes(database, scope, ["log", "due"])
