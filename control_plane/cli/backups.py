"""waggle cell backup|restore"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from chassis.identity import CellName
from control_plane.cli.arriving import alive
from control_plane.cli.asking import Admin, ask
from control_plane.cli.errors import CliError
from control_plane.cli.home import home_of
from control_plane.cli.options import Home, Json
from control_plane.cli.printing import bytes_shown, progress, say, show_facts, show_json
from control_plane.provision.backups import Manifest, Stage, restore, take
from control_plane.provision.interface import CellSpec
from control_plane.provision.local import LocalProvisioner
from protos.admin.v1 import admin_pb2

Tell = Callable[[Stage, int, int], None]


def backup_cell(
    cell: Annotated[str, typer.Argument(metavar="CELL", help="A cell of this machine.")],
    to: Annotated[Path, typer.Argument(metavar="FOLDER", help="Made by this; it must not exist yet.")],
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Copy a cell's database and files into a folder, checked, while it serves. Everything acknowledged before the call is in it."""
    folder = home_of(home)
    spec = _wanted(folder, cell)
    with _telling(quiet=as_json) as tell:
        manifest = asyncio.run(take(folder, spec, to.expanduser().absolute(), tell))
    if as_json:
        show_json({"backup": str(to.expanduser().absolute()), **manifest.json()})
        return
    show_facts(_facts(manifest))
    say(f"{cell} is kept in {to}", "green")


def restore_cell(
    backup: Annotated[Path, typer.Argument(metavar="FOLDER", help="A backup.")],
    cell: Annotated[str, typer.Argument(metavar="CELL", help="The new cell's name; one that no cell here had.")],
    region: Annotated[str, typer.Option(help="Region of the new cell; default: that of the backup.")] = "",
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Make a new cell of a backup. Its workspaces wait there, sealed: `waggle region failover` gives them to it."""
    folder = home_of(home)
    ask(folder, lambda admin: _require_new(admin, cell))
    with progress(f"{backup} is checked and laid out", quiet=as_json):
        manifest = asyncio.run(restore(folder, backup.expanduser().absolute(), CellName(cell)))
    request = admin_pb2.CreateCellRequest(name=cell, region=region or manifest.region)

    async def work(admin: Admin) -> admin_pb2.Cell:
        made = await admin(admin.stub.CreateCell, request)
        with progress(f"{made.name} starts", quiet=as_json):
            return await alive(admin, made.name)

    made = ask(folder, work)
    if as_json:
        show_json({"cell": made.name, "region": made.region, "state": made.state, **_sealed(manifest), "manifest": manifest.json()})
        return
    show_facts(_facts(manifest))
    say(f"{made.name} is active in region {made.region}; sealed workspaces that wait there: {len(manifest.workspaces)}", "green")


async def _require_new(admin: Admin, name: str) -> None:
    known = (await admin(admin.stub.ListCells, admin_pb2.ListCellsRequest())).cells
    if found := next((cell for cell in known if cell.name == name), None):
        raise CliError(f"there is a cell {name!r} already (it is {found.state}); a backup is restored as a new one")


def _sealed(manifest: Manifest) -> dict[str, int]:
    return {"sealed": sum(one.state != "moved" for one in manifest.workspaces)}


def _wanted(home: Path, name: str) -> CellSpec:
    known = {spec.name: spec for spec in LocalProvisioner(home).wanted()}
    if name not in known:
        there = ", ".join(sorted(known)) or "none"
        raise CliError(f"there is no cell {name!r} on this machine (there: {there}); a cluster's cells are backed up by their operator")
    return known[CellName(name)]


def _facts(manifest: Manifest) -> tuple[tuple[str, object], ...]:
    files = f"{manifest.files}, {bytes_shown(manifest.file_bytes)}"
    rest = (("tables", manifest.schema_revision), ("workspaces", len(manifest.workspaces)))
    size = ("database", bytes_shown(manifest.database_bytes))
    return (("cell", manifest.cell), ("as of", manifest.taken_at), ("took", f"{manifest.duration_s:.1f} s"), size, ("files", files), *rest)


@contextmanager
def _telling(*, quiet: bool) -> Iterator[Tell]:
    errors = Console(stderr=True)
    if quiet or not errors.is_terminal:
        yield lambda *_: None
        return
    columns = (TextColumn("{task.description:>10}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as shown:
        tasks = {stage: shown.add_task(stage, total=None, start=False, visible=False) for stage in Stage}

        def tell(stage: Stage, done: int, expected: int) -> None:
            shown.start_task(tasks[stage])
            shown.update(tasks[stage], completed=min(done, expected) if expected else 0, total=expected or None, visible=True)

        yield tell
