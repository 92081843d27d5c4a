"""waggle cell plan|apply|diff|upgrade, and what create and retire do on a cluster: with the rights of whoever types."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from chassis.identity import CellName
from control_plane.cli.cluster_options import WAIT_S, ChartFolder, Context, Helm, Kubeconfig, OnCluster, Region, Values, Version, WaitS
from control_plane.cli.cluster_showing import Shown, plan_json, show_plan
from control_plane.cli.errors import EXIT_FAILED
from control_plane.cli.options import Json
from control_plane.cli.printing import say, show_json
from control_plane.provision.interface import CellSpec
from control_plane.provision.kubernetes.chart import read_values
from control_plane.provision.kubernetes.driver import KubernetesProvisioner
from control_plane.provision.kubernetes.planning import Plan

DRIVER_VARIABLE = "WAGGLE_CELL_DRIVER"
Name = Annotated[str, typer.Argument(metavar="CELL")]


class Driver(StrEnum):
    LOCAL = "local"
    KUBERNETES = "kubernetes"


DriverOption = Annotated[
    Driver, typer.Option("--driver", envvar=DRIVER_VARIABLE, help="Where cells stand: on this machine, or on a cluster.")
]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A cell as the command line says it."""

    name: str
    region: str = ""
    values: tuple[Path, ...] = ()
    version: str = ""

    @property
    def spec(self) -> CellSpec:
        """Without a region it is where it is, or local."""
        return CellSpec(CellName(self.name), self.region)

    def read(self) -> dict[str, object] | None:
        """None: what was applied last."""
        return read_values(self.values) if self.values else None


def plan(
    name: Name,
    values: Values = None,
    region: Region = "",
    version: Version = "",
    chart: ChartFolder = None,
    helm: Helm = "helm",
    kubeconfig: Kubeconfig = None,
    context: Context = "",
    as_json: Json = False,
) -> None:
    """Show what apply would do on the cluster, object by object and field by field. Nothing is changed."""
    wanted = Wanted(name, region, tuple(values or ()), version)
    found = run(OnCluster(kubeconfig, context, chart, helm), lambda on: planned(on, wanted), quiet=True)
    _print(found, as_json=as_json, nothing="nothing would change")


def apply(
    name: Name,
    values: Values = None,
    region: Region = "",
    version: Version = "",
    chart: ChartFolder = None,
    helm: Helm = "helm",
    kubeconfig: Kubeconfig = None,
    context: Context = "",
    wait_s: WaitS = WAIT_S,
    as_json: Json = False,
) -> None:
    """Make a cell on the cluster what its chart and values say, and wait until all of it is ready. May be repeated at any time."""
    wanted = Wanted(name, region, tuple(values or ()), version)
    done = run(OnCluster(kubeconfig, context, chart, helm, wait_s), lambda on: applied(on, wanted), quiet=as_json)
    _print(done, as_json=as_json, nothing="nothing had to change")


def diff(
    name: Name,
    chart: ChartFolder = None,
    helm: Helm = "helm",
    kubeconfig: Kubeconfig = None,
    context: Context = "",
    as_json: Json = False,
) -> None:
    """Show where the cluster has drifted from what was applied last. The exit code is 1 where it has."""
    found = run(OnCluster(kubeconfig, context, chart, helm), lambda on: on.diff(name), quiet=True)
    _print(found, as_json=as_json, nothing="no drift")
    if found.acts:
        raise typer.Exit(EXIT_FAILED)


def upgrade(
    name: Name,
    version: Annotated[str, typer.Argument(metavar="VERSION")],
    chart: ChartFolder = None,
    helm: Helm = "helm",
    kubeconfig: Kubeconfig = None,
    context: Context = "",
    wait_s: WaitS = WAIT_S,
    as_json: Json = False,
) -> None:
    """Bring a cell on the cluster to another version of the image: migrations, then its processes, pod by pod."""
    done = run(OnCluster(kubeconfig, context, chart, helm, wait_s), lambda on: on.change_version(name, version), quiet=as_json)
    _print(done, as_json=as_json, nothing="nothing had to change")


def run(on: OnCluster, work: Callable[[KubernetesProvisioner], Awaitable[Plan]], *, quiet: bool) -> Plan:
    """Raises ProvisionError."""

    async def working() -> Plan:
        with Shown(quiet=quiet) as shown:
            return await work(on.provisioner(shown))

    return asyncio.run(working())


async def planned(on: KubernetesProvisioner, wanted: Wanted) -> Plan:
    return await on.plan(wanted.spec, wanted.read(), wanted.version)


async def applied(on: KubernetesProvisioner, wanted: Wanted) -> Plan:
    return await on.apply(wanted.spec, wanted.read(), wanted.version)


def _print(found: Plan, *, as_json: bool, nothing: str) -> None:
    if as_json:
        show_json(plan_json(found))
        return
    show_plan(found)
    if not found.acts:
        say(nothing, "green")
