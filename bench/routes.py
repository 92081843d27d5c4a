"""How long a change of a route takes from its commit to every router, with 100,000 routes in the directory."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg

from bench.report import Report, quantile
from bench.setting import Setting
from chassis.identity import WorkspaceId
from chassis.rpc import channel
from control_plane.cli.home import running_platform
from router.routes.table import RouteChange, RouteTable
from router.routes.watch import DirectoryWatch
from tests.chaos.move_census import Databases

ROUTES = 100_000
ROUTERS = 3
"""In this process, as the platform's own router would hear it; that one follows too."""
CHANGES = 500
EVERY_S = 0.02
P99_MS_MAX = 150.0
HEARD_S_MAX = 30.0
STARTED_S_MAX = 60.0
_PREFIX = "TBENCH"
_MADE = (
    "INSERT INTO workspaces (id, subdomain, cell, epoch, state, plan, region, pins, owner_email, version, problem)"
    " SELECT $1 || n, 'bench-' || n, 'cell-1', 1, 'active', 'free', '', '{}', '', $2, '' FROM generate_series(1, $3::int) AS n"
)
_RAISED = "UPDATE directory SET version = version + 1 WHERE id = 1 RETURNING version"
_TOLD = "SELECT pg_notify('waggle_directory', $1)"
_MOVED = "UPDATE workspaces SET epoch = epoch + 1, version = $2 WHERE id = $1"


class Ears:
    """When each router had a route at an epoch."""

    def __init__(self, table: RouteTable) -> None:
        self.heard_s: dict[tuple[WorkspaceId, int], float] = {}
        self.table = table
        table.on_change(self._on_change)

    def _on_change(self, change: RouteChange) -> None:
        now_s = time.perf_counter()
        for workspace_id in change.workspaces:
            route = self.table.get(workspace_id)
            if route is not None:
                self.heard_s.setdefault((workspace_id, route.epoch), now_s)


async def measure(setting: Setting, report: Report) -> None:
    connection = await asyncpg.connect(Databases(setting.platform.home).url("control-plane"))
    try:
        await _commit(connection, _MADE, _PREFIX, ROUTES)
        async with _routers(setting) as routers:
            await _until_all(routers, lambda ears: len(ears.table) >= ROUTES, STARTED_S_MAX)
            said = await _changes(connection)
            await _until_all(routers, lambda ears: said.keys() <= ears.heard_s.keys(), HEARD_S_MAX)
            late_ms = [1000 * max(0.0, ears.heard_s[key] - at_s) for ears in routers for key, at_s in said.items() if key in ears.heard_s]
        missed = ROUTERS * len(said) - len(late_ms)
    finally:
        await connection.execute("DELETE FROM workspaces WHERE id LIKE $1", f"{_PREFIX}%")
        await connection.close()
    detail = f"{CHANGES} changes, {ROUTERS} routers, {ROUTES:,} routes"
    report.add("route commit -> applied on a router, p50", quantile(late_ms, 0.5), "ms", detail=detail)
    report.add("route commit -> applied on a router, p99", quantile(late_ms, 0.99), "ms", at_most=P99_MS_MAX)
    report.add("routes that did not reach a router", missed, "", at_most=0)


async def _changes(connection: "asyncpg.Connection[asyncpg.Record]") -> dict[tuple[WorkspaceId, int], float]:
    """Each as a move's decision is committed; returns when COMMIT was answered."""
    said: dict[tuple[WorkspaceId, int], float] = {}
    for number in range(1, CHANGES + 1):
        workspace_id = WorkspaceId(f"{_PREFIX}{number * (ROUTES // CHANGES)}")
        async with connection.transaction():
            version = await connection.fetchval(_RAISED)
            await connection.execute(_TOLD, str(version))
            await connection.execute(_MOVED, workspace_id, version)
        said[workspace_id, 2] = time.perf_counter()
        await asyncio.sleep(EVERY_S)
    return said


async def _commit(connection: "asyncpg.Connection[asyncpg.Record]", made: str, prefix: str, count: int) -> None:
    async with connection.transaction():
        version = await connection.fetchval(_RAISED)
        await connection.execute(_TOLD, str(version))
        await connection.execute(made, prefix, version, count)


@asynccontextmanager
async def _routers(setting: Setting) -> AsyncIterator[list[Ears]]:
    platform = running_platform(setting.platform.home)
    async with AsyncExitStack() as stack:
        found = []
        for number in range(ROUTERS):
            line = await stack.enter_async_context(channel(platform.control_plane, platform.credential))
            ears = Ears(RouteTable())
            watch = asyncio.create_task(DirectoryWatch(ears.table, line, router_id=f"bench-{number}", address="127.0.0.1:1").run())
            stack.callback(watch.cancel)
            found.append(ears)
        yield found


async def _until_all(routers: list[Ears], fact: Callable[[Ears], bool], within_s: float) -> None:
    give_up_s = time.perf_counter() + within_s
    while not all(map(fact, routers)) and time.perf_counter() < give_up_s:  # noqa: ASYNC110 - an Event for each change would be measured too
        await asyncio.sleep(0.05)
