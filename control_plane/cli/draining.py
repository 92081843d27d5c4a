"""waggle cell drain|undrain|retire"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from rich.console import Console

from control_plane.cli import cluster_life
from control_plane.cli.asking import Admin, ask
from control_plane.cli.cluster_options import Context, Kubeconfig, OnCluster
from control_plane.cli.clusters import Driver, DriverOption
from control_plane.cli.errors import EXIT_USAGE, CliError
from control_plane.cli.home import home_of
from control_plane.cli.options import Home, Json
from control_plane.cli.printing import say, show_facts, show_json
from control_plane.cli.shapes import cell_json, drain_json
from protos.admin.v1 import admin_pb2

POLL_S = 0.5
WAIT_S_MAX = 7 * 86400.0

Name = Annotated[str, typer.Argument(metavar="CELL")]


def drain(
    name: Name,
    wait: Annotated[bool, typer.Option("--wait", help="Return when no workspace lives there any more.")] = False,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Empty a cell: no new workspace comes, and those there are moved away, two at a time, while their people keep typing."""
    _order(lambda admin: admin(admin.stub.DrainCell, admin_pb2.CellRef(name=name)), wait=wait, as_json=as_json, home=home)


def undrain(name: Name, as_json: Json = False, home: Home = None) -> None:
    """Take a drain back: new workspaces may come again. Moves that run go on to their end; nothing is moved back."""
    _order(lambda admin: admin(admin.stub.UndrainCell, admin_pb2.CellRef(name=name)), wait=False, as_json=as_json, home=home)


def retire(
    name: Name,
    driver: DriverOption = Driver.LOCAL,
    delete_data: Annotated[bool, typer.Option("--delete-data", help="On a cluster: its namespace goes, with all data.")] = False,
    kubeconfig: Kubeconfig = None,
    context: Context = "",
    as_json: Json = False,
    home: Home = None,
) -> None:
    """End an empty cell: its processes stop. Refused while a workspace lives there or could be rolled back to it; its data stay on disk."""
    if driver is Driver.KUBERNETES:
        cell = cluster_life.retire(name, OnCluster(kubeconfig, context), delete_data=delete_data, quiet=as_json, home=home)
    elif delete_data:
        raise CliError("--delete-data is for cells on a cluster (--driver kubernetes); here delete the cell's folder", EXIT_USAGE)
    else:
        cell = ask(home_of(home), lambda admin: admin(admin.stub.RetireCell, admin_pb2.CellRef(name=name)))
    if as_json:
        show_json(cell_json(cell))
    else:
        say(f"{cell.name} is {cell.state}", "green")


def _order(begin: Callable[[Admin], Awaitable[admin_pb2.Drain]], *, wait: bool, as_json: bool, home: Home) -> None:
    async def work(admin: Admin) -> admin_pb2.Drain:
        drain = await begin(admin)
        return await _follow(admin, drain, quiet=as_json) if wait else drain

    found = ask(home_of(home), work)
    if as_json:
        show_json(drain_json(found))
    else:
        _print(found)
    if wait and found.state != "draining":
        raise CliError(f"{found.cell} is {found.state}: its drain was taken back with {found.left} workspaces left")


async def _follow(admin: Admin, drain: admin_pb2.Drain, *, quiet: bool) -> admin_pb2.Drain:
    errors = Console(stderr=True)
    told: set[str] = set()
    shown = errors.status(_line(drain)) if errors.is_terminal and not quiet else None
    if shown is not None:
        shown.start()
    try:
        async with asyncio.timeout(WAIT_S_MAX):
            while drain.state == "draining" and drain.left:
                for line in () if quiet else newly_stuck(drain, told):
                    errors.print(line, style="red", soft_wrap=True, markup=False, highlight=False)
                await asyncio.sleep(POLL_S)
                drain = await admin(admin.stub.ShowDrain, admin_pb2.CellRef(name=drain.cell))
                if shown is not None:
                    shown.update(_line(drain))
    finally:
        if shown is not None:
            shown.stop()
    return drain


def newly_stuck(drain: admin_pb2.Drain, told: set[str]) -> list[str]:
    """What was not told yet of those that will not leave; whoever waits for them has to know."""
    lines = [line for one in drain.stuck if (line := _stuck(one)) not in told]
    told.update(lines)
    return lines


def _stuck(one: admin_pb2.Stuck) -> str:
    return f"stuck: {one.workspace}: {one.why}"


def _line(drain: admin_pb2.Drain) -> str:
    stuck = f", {len(drain.stuck)} stuck" if drain.stuck else ""
    return f"{drain.cell}: {drain.left} workspaces left, {drain.moving} moving{stuck}"


def _print(drain: admin_pb2.Drain) -> None:
    show_facts((("cell", drain.cell), ("state", drain.state), ("left", drain.left), ("moving", drain.moving), ("windows", drain.windows)))
    for one in drain.stuck:
        say(_stuck(one), "red")
    if drain.state == "draining" and not drain.left and drain.windows:
        say(f"{drain.windows} moves can still be rolled back to it; it can be retired when their windows have closed")
