"""waggle fleet apply, and what migrate and rollout do where cells stand on a cluster."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace

from rich.console import Console

from chassis.identity import CellName
from control_plane.cli.asking import Admin, ask
from control_plane.cli.cluster_options import OnCluster
from control_plane.cli.cluster_showing import Shown
from control_plane.cli.errors import CliError
from control_plane.cli.fleet_applying import Applier, Say
from control_plane.cli.home import home_of
from control_plane.cli.options import Home
from control_plane.provision.kubernetes.driver import KubernetesProvisioner
from protos.admin.v1 import fleet_pb2

Begin = Callable[[Admin, Sequence[str]], Awaitable[fleet_pb2.Rollout]]
"""Orders it, without the cells that are named."""


def ordered_and_applied(begin: Begin, on: OnCluster, *, quiet: bool, home: Home) -> fleet_pb2.Rollout:
    """Nothing is ordered where the cluster cannot be had. Cells that stand elsewhere are left out, and named. Raises ProvisionError."""
    say = _say(quiet=quiet)

    async def work(admin: Admin) -> fleet_pb2.Rollout:
        place, here = await _reached(on)
        status = await admin(admin.fleet.Status, fleet_pb2.FleetStatusRequest())
        away = sorted(cell.name for cell in status.cells if cell.state in ("active", "draining") and cell.name not in here)
        if away:
            say(f"not on this cluster, and left out: {', '.join(away)}")
        begun = await begin(admin, away)
        return await _applier(admin, begun, place, say, quiet=quiet).run()

    return ask(home_of(home), work)


def gone_on_with(reference: str, on: OnCluster, *, quiet: bool, home: Home) -> fleet_pb2.Rollout:
    """Whoever began it, wherever it stands. Raises CliError, ProvisionError."""

    async def work(admin: Admin) -> fleet_pb2.Rollout:
        place, here = await _reached(on)
        found = await admin(admin.fleet.Show, fleet_pb2.RolloutRef(rollout=reference))
        _require_here(found, here)
        return await _applier(admin, found, place, _say(quiet=quiet), quiet=quiet).run()

    return ask(home_of(home), work)


async def _reached(on: OnCluster) -> tuple[KubernetesProvisioner, frozenset[str]]:
    """The cluster, and the cells that were applied to it. Raises NoCluster, NoRights, NoHelm."""
    place = on.provisioner(Shown(quiet=True))
    place.chart.require_helm()
    return place, frozenset(str(spec.name) for spec in await place.cells())


def _require_here(found: fleet_pb2.Rollout, here: Collection[str]) -> None:
    if strange := [cell.cell for cell in found.cells if cell.cell not in here and cell.stage not in ("done", "undone")]:
        raise CliError(f"not on this cluster: {', '.join(strange)}; {found.rollout_id} goes on where they are (--kubeconfig, --context)")


def _applier(admin: Admin, found: fleet_pb2.Rollout, place: KubernetesProvisioner, say: Say, *, quiet: bool) -> Applier:
    def place_of(cell: CellName) -> KubernetesProvisioner:
        return replace(place, tell=Shown(quiet=quiet, of=cell).tell)

    return Applier(admin, found.rollout_id, place_of, say)


def _say(*, quiet: bool) -> Say:
    console = Console(stderr=True, quiet=quiet)
    return lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True)
