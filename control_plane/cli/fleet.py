"""waggle fleet status|migrate|rollout|apply|show|watch|pause|resume|abort, and waggle fleet builds"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Annotated

import typer
from rich.console import Console

from control_plane.cli.asking import Admin, ask
from control_plane.cli.builds import builds
from control_plane.cli.cluster_options import WAIT_S, ChartFolder, Context, Helm, Kubeconfig, OnCluster, WaitS
from control_plane.cli.clusters import Driver, DriverOption
from control_plane.cli.errors import CliError
from control_plane.cli.fleet_on_cluster import gone_on_with, ordered_and_applied
from control_plane.cli.fleet_shapes import fleet_status_json, rollout_json, rollout_line, show_rollout, show_status
from control_plane.cli.home import home_of
from control_plane.cli.options import Home, Json
from control_plane.cli.printing import show_json
from protos.admin.v1 import fleet_pb2

POLL_S = 0.5
WAIT_S_MAX = 7 * 86_400.0
READY_S_MAX = 3_600.0
READY_S_MORE = 60.0
"""On a cluster whoever applies waits for the pods and says what is wrong with them; the control plane waits for what they say after."""
RESTING = frozenset({"done", "rolled_back", "aborted", "halted", "paused"})
BAD_ENDS = frozenset({"rolled_back", "aborted", "halted"})
"""For whoever wanted a version everywhere."""

fleet = typer.Typer(no_args_is_help=True, help="All cells: their versions and tables, and what goes through them in waves.")
fleet.add_typer(builds, name="builds")

Reference = Annotated[str, typer.Argument(metavar="[ROLLOUT]", help="Its id; none: the latest.", show_default=False)]
Canary = Annotated[str, typer.Option(metavar="CELL", help="Comes first, alone; default: the one with the fewest workspaces that has any.")]
Without = Annotated[list[str] | None, typer.Option(metavar="CELL", help="Leave this cell out; may be said again.")]
Wait = Annotated[bool, typer.Option("--wait", help="Return when it is through, halted or rolled back.")]


@fleet.command("status")
def status(as_json: Json = False, home: Home = None) -> None:
    """Each cell: version, schema revision, health, and its part in the latest rollout."""

    async def work(admin: Admin) -> fleet_pb2.FleetStatus:
        return await admin(admin.fleet.Status, fleet_pb2.FleetStatusRequest())

    found = ask(home_of(home), work)
    if as_json:
        show_json(fleet_status_json(found))
    else:
        show_status(found)


@fleet.command("migrate")
def migrate(
    version: Annotated[str, typer.Argument(metavar="[VERSION]", help="Whose tables; none: our own.", show_default=False)] = "",
    canary: Canary = "",
    without: Without = None,
    lock_timeout: Annotated[float | None, typer.Option(help="Seconds to wait for a lock; default: 3.", show_default=False)] = None,
    statement_timeout: Annotated[float | None, typer.Option(help="Seconds a statement may take; default: 60.", show_default=False)] = None,
    wait: Wait = False,
    driver: DriverOption = Driver.LOCAL,
    chart: ChartFolder = None,
    helm: Helm = "helm",
    kubeconfig: Kubeconfig = None,
    context: Context = "",
    wait_s: WaitS = WAIT_S,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Bring every cell's tables to a version's newest revision, in waves; halts at the first failure, and said again goes on from there."""
    chosen = fleet_pb2.Selection(version=version, canary=canary, without=without or (), applied=driver is Driver.KUBERNETES)
    request = fleet_pb2.MigrateRequest(selection=chosen, lock_timeout_s=lock_timeout, statement_timeout_s=statement_timeout)
    on = OnCluster(kubeconfig, context, chart, helm, wait_s) if chosen.applied else None
    _walk(request, on, wait=wait, as_json=as_json, home=home)


@fleet.command("rollout")
def rollout(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Known to this place: waggle fleet builds list.")],
    canary: Canary = "",
    without: Without = None,
    bake: Annotated[float | None, typer.Option(help="Seconds for which each cell is watched; default: 60.", show_default=False)] = None,
    ready: Annotated[float | None, typer.Option(help="Seconds in which a cell must be ready; default: 40.", show_default=False)] = None,
    wait: Wait = False,
    driver: DriverOption = Driver.LOCAL,
    chart: ChartFolder = None,
    helm: Helm = "helm",
    kubeconfig: Kubeconfig = None,
    context: Context = "",
    wait_s: WaitS = WAIT_S,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Bring every cell's processes to VERSION, in waves; goes back by itself when a cell's errors, p99 or readiness get worse."""
    chosen = fleet_pb2.Selection(version=version, canary=canary, without=without or (), applied=driver is Driver.KUBERNETES)
    on = OnCluster(kubeconfig, context, chart, helm, wait_s) if chosen.applied else None
    ready_s = ready if on is None or ready is not None else min(READY_S_MAX, wait_s + READY_S_MORE)
    request = fleet_pb2.RollOutRequest(selection=chosen, bake_s=bake, ready_s=ready_s)
    _walk(request, on, wait=wait, as_json=as_json, home=home)


@fleet.command("apply")
def apply(
    reference: Reference = "",
    chart: ChartFolder = None,
    helm: Helm = "helm",
    kubeconfig: Kubeconfig = None,
    context: Context = "",
    wait_s: WaitS = WAIT_S,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """On a cluster: go on with what is under way, from where whoever applied it was interrupted."""
    on = OnCluster(kubeconfig, context, chart, helm, wait_s)
    _end(gone_on_with(reference, on, quiet=as_json, home=home), as_json=as_json)


@fleet.command("show")
def show(reference: Reference = "", as_json: Json = False, home: Home = None) -> None:
    """Where a rollout or migration stands, cell by cell."""
    _order(lambda admin: _show(admin, reference), wait=False, as_json=as_json, home=home)


@fleet.command("watch")
def watch(reference: Reference = "", as_json: Json = False, home: Home = None) -> None:
    """Follow it until it is through, halted, paused or rolled back."""
    _order(lambda admin: _show(admin, reference), wait=True, as_json=as_json, home=home)


@fleet.command("pause")
def pause(reference: Reference = "", as_json: Json = False, home: Home = None) -> None:
    """Begin no further cell. Those under way are watched on, and rolled back if they get worse."""
    _order(lambda admin: admin(admin.fleet.Pause, _ref(reference)), wait=False, as_json=as_json, home=home)


@fleet.command("resume")
def resume(reference: Reference = "", wait: Wait = False, as_json: Json = False, home: Home = None) -> None:
    """Go on with what was paused, or halted: the cell that failed is tried again."""
    _order(lambda admin: admin(admin.fleet.Resume, _ref(reference)), wait=wait, as_json=as_json, home=home)


@fleet.command("abort")
def abort(reference: Reference = "", wait: Wait = False, as_json: Json = False, home: Home = None) -> None:
    """Take a rollout back from every cell it reached. A migration is left where it is: the code that runs works with it."""
    bad = BAD_ENDS - {"aborted"}
    _order(lambda admin: admin(admin.fleet.Abort, _ref(reference)), wait=wait, as_json=as_json, home=home, bad=bad)


def _walk(
    request: fleet_pb2.MigrateRequest | fleet_pb2.RollOutRequest, on: OnCluster | None, *, wait: bool, as_json: bool, home: Home
) -> None:
    """On a cluster it is this process that applies, so it stays until the end."""

    def begin(admin: Admin, away: Sequence[str] = ()) -> Awaitable[fleet_pb2.Rollout]:
        request.selection.without.extend(away)
        return admin(admin.fleet.Migrate if isinstance(request, fleet_pb2.MigrateRequest) else admin.fleet.RollOut, request)

    if on is None:
        _order(begin, wait=wait, as_json=as_json, home=home)
    else:
        _end(ordered_and_applied(begin, on, quiet=as_json, home=home), as_json=as_json)


def _order(
    begin: Callable[[Admin], Awaitable[fleet_pb2.Rollout]], *, wait: bool, as_json: bool, home: Home, bad: Collection[str] = BAD_ENDS
) -> None:
    async def work(admin: Admin) -> fleet_pb2.Rollout:
        found = await begin(admin)
        return await _follow(admin, found, quiet=as_json) if wait else found

    _end(ask(home_of(home), work), as_json=as_json, bad=bad if wait else ())


def _end(found: fleet_pb2.Rollout, *, as_json: bool, bad: Collection[str] = BAD_ENDS) -> None:
    """Who waited hears of a bad end by the exit code too."""
    if as_json:
        show_json(rollout_json(found))
    else:
        show_rollout(found)
    if found.state in bad:
        raise CliError(f"{found.rollout_id} is {found.state}: {found.problem}")


async def _follow(admin: Admin, found: fleet_pb2.Rollout, *, quiet: bool) -> fleet_pb2.Rollout:
    errors = Console(stderr=True)
    shown = errors.status(rollout_line(found)) if errors.is_terminal and not quiet else None
    if shown is not None:
        shown.start()
    try:
        async with asyncio.timeout(WAIT_S_MAX):
            while found.state not in RESTING:
                await asyncio.sleep(POLL_S)
                found = await _show(admin, found.rollout_id)
                if shown is not None:
                    shown.update(rollout_line(found))
    finally:
        if shown is not None:
            shown.stop()
    return found


async def _show(admin: Admin, reference: str) -> fleet_pb2.Rollout:
    return await admin(admin.fleet.Show, _ref(reference))


def _ref(reference: str) -> fleet_pb2.RolloutRef:
    return fleet_pb2.RolloutRef(rollout=reference)
