"""What knowing the load of every workspace costs, and what a plan over all of them takes, from the registry's own rows."""

import asyncio
import os
import resource
import time

import asyncpg

from bench.report import Report, quantile
from bench.setting import Setting
from cells.app.load_book import LoadBook, Standing
from cells.chat.domain.catalogue import chat_tables
from cells.runtime.tenancy import TenantScope, estimate_bytes, open_database
from cells.runtime.transfer import travelling
from chassis.identity import ProcessId, WorkspaceId, make_workspace_id
from control_plane.rebalance.gathering import gather
from control_plane.rebalance.planning import Census, draft
from control_plane.rebalance.policy import Capacities, Policy
from control_plane.registry import LoadReport, Registry, open_registry
from tests.chaos.move_census import Databases

WORKSPACES, IN_A_CELL = int(os.environ.get("WAGGLE_BENCH_LEVELLING_WORKSPACES", "300000")), 10_000
CELLS = WORKSPACES // IN_A_CELL
PAGE, PAGES = 1_000, 60
PLAN_S_MAX = 10.0
ROUND_MS_MAX = 30_000 * 0.001
"""A thousandth of one core, at a round every 30 s."""
_PREFIX = "TLEVEL"
_CELLS = (
    "INSERT INTO cells (name, region, state, dedicated, capacity_workspaces, version)"
    " SELECT 'level-' || n, 'level', 'active', false, 20000, 0 FROM generate_series(0, $1::int - 1) n"
)
_PROCESSES = (
    "INSERT INTO cell_processes (cell, process_id, address, roles, version, schema_revision, workspaces, connections, messages_per_s,"
    " database_bytes, heartbeat_at) SELECT name, 'p', '127.0.0.1:1', '{api}', '1', '1', 0, 0, 0, 0, now() + interval '1 h'"
    " FROM cells WHERE region = 'level'"
)
# Version 0: no router and no replica's view hears of them.
_WORKSPACES = (
    "INSERT INTO workspaces (id, subdomain, cell, epoch, state, plan, region, pins, owner_email, version, problem)"
    " SELECT $1 || lpad(n::text, 7, '0'), 'level-' || n, 'level-' || (power(random(), 1.2) * ($3::int - 1))::int, 1, 'active', 'free', '',"
    " '{}', '', 0, '' FROM generate_series(1, $2::int) n"
)
_LOADS = (
    "INSERT INTO workspace_loads (workspace_id, seq, events_per_s, bytes, since, at)"
    " SELECT id, 1000, 0.05 / (random() + 0.001), (100000 / (random() + 0.001))::bigint, now() - interval '30 d', now()"
    " FROM workspaces WHERE region = '' AND id LIKE $1 || '%'"
)
_GONE = (
    "DELETE FROM workspaces WHERE cell LIKE 'level-%'",
    "DELETE FROM cell_processes WHERE cell LIKE 'level-%'",
    "DELETE FROM cells WHERE name LIKE 'level-%'",
)


async def measure(setting: Setting, report: Report) -> None:
    _cell(report)
    await _sizing(setting, report)
    url = Databases(setting.platform.home).url("control-plane")
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_CELLS, CELLS)
        await connection.execute(_PROCESSES)
        await connection.execute(_WORKSPACES, _PREFIX, WORKSPACES, CELLS)
        await connection.execute(_LOADS, _PREFIX)
        for table in ("workspaces", "workspace_loads"):
            await connection.execute(f"ANALYZE {table}")
        async with open_registry(url) as registry:
            await _reports(registry, connection, report)
            await _plans(registry, report)
    finally:
        for statement in _GONE:
            await connection.execute(statement)
        await connection.close()


def _cell(report: Report) -> None:
    """CPU of a cell's process for a round of reports with nothing new, and with one workspace in ten."""
    book, standings = LoadBook(), {WorkspaceId(f"T{number:08}"): Standing(number, 1) for number in range(IN_A_CELL)}
    for number in range(1, IN_A_CELL, 50):
        book.size(WorkspaceId(f"T{number:08}"), number, 100 * number)
    while page := book.news(standings, 0.0, 30):
        book.heard(page, 0.0)
    idle = [_cpu_ms(lambda: book.news(standings, 1.0, 30)) for _ in range(20)]
    busy = {one: Standing((now.seq or 0) + 200, 1) if at % 10 == 0 else now for at, (one, now) in enumerate(standings.items())}
    told = [_cpu_ms(lambda: book.news(busy, 1.0, 30)) for _ in range(20)]
    detail = f"{IN_A_CELL:,} workspaces in a cell, every 30 s"
    report.add("a round of load reports, nothing new", quantile(idle, 0.5), "ms of CPU", at_most=ROUND_MS_MAX, detail=detail)
    report.add("a round of load reports, 1,000 changed", quantile(told, 0.5), "ms of CPU", at_most=ROUND_MS_MAX, detail=detail)


def _cpu_ms(work: object) -> float:
    began_s = time.process_time()
    assert callable(work)
    work()
    return 1000 * (time.process_time() - began_s)


async def _sizing(setting: Setting, report: Report) -> None:
    """One workspace; a worker does it every 10 s at most."""
    names = [table.name for table in travelling(chat_tables())]
    scope, took_ms = TenantScope(make_workspace_id(), 1), []
    async with open_database(Databases(setting.platform.home).url("cell-1")) as database:
        for _ in range(20):
            began_s = time.perf_counter()
            await estimate_bytes(database, scope, names)
            took_ms.append(1000 * (time.perf_counter() - began_s))
    report.add("estimating a workspace's bytes", quantile(took_ms, 0.5), "ms", detail=f"{len(names)} tables, none of them read")


async def _reports(registry: Registry, connection: "asyncpg.Connection[asyncpg.Record]", report: Report) -> None:
    rows = await connection.fetch("SELECT id FROM workspaces WHERE cell = 'level-7' ORDER BY id LIMIT $1", PAGE * PAGES // 10)
    ids, took_ms = [WorkspaceId(row["id"]) for row in rows], []
    for number in range(PAGES):
        page = [LoadReport(one, seq=2_000 + number, bytes=1_000) for one in ids[number * PAGE % len(ids) :][:PAGE]]
        began_s = time.perf_counter()
        await registry.loads.record("level-7", ProcessId("p"), page)
        took_ms.append(1000 * (time.perf_counter() - began_s))
    detail = f"{PAGE:,} workspaces a page, {WORKSPACES:,} in the registry"
    report.add("a page of load reports stored, p50", quantile(took_ms, 0.5), "ms", detail=detail)
    report.add("a page of load reports stored, p99", quantile(took_ms, 0.99), "ms", detail=detail)


async def _plans(registry: Registry, report: Report) -> None:
    began_s, cpu_s = time.perf_counter(), time.process_time()
    census = await gather(registry, Policy())
    detail = f"{len(census.ids):,} workspaces on {CELLS} cells"
    report.add(
        "reading every load", time.perf_counter() - began_s, "s", detail=f"{detail}; {time.process_time() - cpu_s:.0f} s of CPU here"
    )
    took_s, made = await asyncio.to_thread(_drafted, census)
    report.add("a plan over them", took_s, "s of CPU", at_most=PLAN_S_MAX, detail=f"{detail}; {made} moves")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report.add("memory at the most", peak, "MB", detail="of the process that reads and plans")


def _drafted(census: Census) -> tuple[float, int]:
    carried = census.loads.sum(axis=0) / CELLS / 0.55
    capacities = Capacities(*(float(each) for each in (carried[1], 20_000, carried[3])))
    began_s = time.thread_time()
    made = draft(census, capacities, Policy(moves_max=5_000))
    return time.thread_time() - began_s, len(made.steps)
