"""waggle cell create|list|show|drain|undrain|retire|plan|apply|diff|upgrade|backup|restore"""

from collections.abc import Iterable
from typing import Annotated

import typer

from control_plane.cli import backups, cluster_life, clusters, draining
from control_plane.cli.arriving import alive
from control_plane.cli.asking import Admin, ask
from control_plane.cli.cluster_options import WAIT_S, ChartFolder, Context, Helm, Kubeconfig, OnCluster, Values, Version, WaitS
from control_plane.cli.clusters import Driver, DriverOption, Wanted
from control_plane.cli.home import home_of
from control_plane.cli.options import Home, Json
from control_plane.cli.printing import bytes_shown, progress, say, show_facts, show_json, show_table
from control_plane.cli.shapes import cell_detail_json, cell_json
from control_plane.cli.upkeeping import show_tables
from protos.admin.v1 import admin_pb2

cells = typer.Typer(no_args_is_help=True, help="Cells: independent stacks that workspaces live in.")
cells.command("drain")(draining.drain)
cells.command("undrain")(draining.undrain)
cells.command("retire")(draining.retire)
for verb in (clusters.plan, clusters.apply, clusters.diff, clusters.upgrade):
    cells.command(verb.__name__)(verb)
cells.command("backup")(backups.backup_cell)
cells.command("restore")(backups.restore_cell)


@cells.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Default: the next free cell-N.")] = "",
    region: Annotated[str, typer.Option(help="Region the cell is in.")] = "",
    dedicated: Annotated[bool, typer.Option("--dedicated", help="Take pinned workspaces only.")] = False,
    capacity: Annotated[int, typer.Option(min=0, max=1_000_000, help="Workspaces it may hold; 0: the default.")] = 0,
    driver: DriverOption = Driver.LOCAL,
    values: Values = None,
    version: Version = "",
    chart: ChartFolder = None,
    helm: Helm = "helm",
    kubeconfig: Kubeconfig = None,
    context: Context = "",
    wait_s: WaitS = WAIT_S,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Add a cell and wait until it lives: at most 60 s here, --wait-s on a cluster. Options from --values to --wait-s are for a cluster."""
    request = admin_pb2.CreateCellRequest(name=name, region=region, dedicated=dedicated, capacity_workspaces=capacity)
    if driver is Driver.KUBERNETES:
        wanted = Wanted(name, region, tuple(values or ()), version)
        cell = cluster_life.create(request, OnCluster(kubeconfig, context, chart, helm, wait_s), wanted, quiet=as_json, home=home)
    else:
        cell = ask(home_of(home), lambda admin: _created(admin, request, quiet=as_json))
    if as_json:
        show_json(cell_json(cell))
    else:
        say(f"{cell.name} is active in region {cell.region}", "green")


async def _created(admin: Admin, request: admin_pb2.CreateCellRequest, *, quiet: bool) -> admin_pb2.Cell:
    made = await admin(admin.stub.CreateCell, request)
    with progress(f"{made.name} is being provisioned", quiet=quiet):
        return await alive(admin, made.name)


@cells.command("list")
def list_cells(as_json: Json = False, home: Home = None) -> None:
    """All cells."""

    async def work(admin: Admin) -> admin_pb2.ListCellsReply:
        return await admin(admin.stub.ListCells, admin_pb2.ListCellsRequest())

    found = ask(home_of(home), work).cells
    if as_json:
        show_json([cell_json(cell) for cell in found])
    else:
        show_cells(found)


def show_cells(found: Iterable[admin_pb2.Cell]) -> None:
    rows = []
    for cell in found:
        room = f"{cell.workspaces}/{cell.capacity_workspaces}"
        kind = "dedicated" if cell.dedicated else ""
        built = ", ".join(sorted({f"{process.version} {process.schema_revision}" for process in cell.processes}))
        size = bytes_shown(cell.database_bytes)
        rows.append((cell.name, cell.region, cell.state, _health(cell), room, f"{cell.load:.1%}", *_vital_signs(cell), size, built, kind))
    vital = ("requests/s", "errors", "p99")
    show_table("", ("cell", "region", "state", "health", "workspaces", "load", *vital, "database", "version", ""), rows)


def _vital_signs(cell: admin_pb2.Cell) -> tuple[str, str, str]:
    """Requests a second, errors among the last interval's, the worst process's p99."""
    if not cell.HasField("vital_signs"):
        return "-", "-", "-"
    told = cell.vital_signs
    return f"{told.requests_per_s:.1f}", str(told.errors), f"{told.p99_ms:.0f} ms" if told.p99_ms else "-"


@cells.command("show")
def show(name: str, as_json: Json = False, home: Home = None) -> None:
    """One cell and its processes."""

    async def work(admin: Admin) -> admin_pb2.Cell:
        return await admin(admin.stub.ShowCell, admin_pb2.CellRef(name=name))

    cell = ask(home_of(home), work)
    if as_json:
        show_json(cell_detail_json(cell))
        return
    room = f"{cell.workspaces} of {cell.capacity_workspaces}"
    kind = "dedicated" if cell.dedicated else "shared"
    facts = (("cell", cell.name), ("region", cell.region), ("state", cell.state), ("health", _health(cell)), ("kind", kind))
    rest = (("workspaces", room), ("load", f"{cell.load:.1%}"), ("database", bytes_shown(cell.database_bytes)))
    show_facts((*facts, *rest, *_vital_facts(cell)))
    show_processes(cell)
    show_tables(cell)


def _vital_facts(cell: admin_pb2.Cell) -> tuple[tuple[str, str], ...]:
    if not cell.HasField("vital_signs"):
        return ()
    told = cell.vital_signs
    return (
        ("requests", f"{told.requests_per_s:.1f} a second, {told.errors} errors in the last interval"),
        ("latency", f"p50 {told.p50_ms:.1f} ms, p99 {told.p99_ms:.1f} ms"),
        ("replication", f"lag {bytes_shown(told.replication_lag_bytes)}, WAL kept for moves {bytes_shown(told.wal_retained_bytes)}"),
        ("ready", f"{told.ready} of {told.processes} processes"),
    )


def _health(cell: admin_pb2.Cell) -> str:
    """A cell that is retired is meant to be silent."""
    if cell.state == "retired":
        return "-"
    return "ok" if cell.healthy else "wrong"


def show_processes(cell: admin_pb2.Cell) -> None:
    rows = [
        (p.process_id, p.address, ",".join(p.roles), p.version, p.schema_revision, _heard(cell, p.heartbeat_age_s), p.connections)
        for p in cell.processes
    ]
    show_table("", ("process", "address", "roles", "version", "schema", "heard", "connections"), rows)


def _heard(cell: admin_pb2.Cell, age_s: float) -> str:
    return "-" if cell.state == "retired" else f"{age_s:.1f} s"
