"""Options of the verbs that speak to a Kubernetes cluster, and the provisioner that they describe."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from control_plane.cli.cluster_showing import Shown
from control_plane.provision.kubernetes.chart import Chart
from control_plane.provision.kubernetes.connection import connect
from control_plane.provision.kubernetes.driver import NAMESPACE_PREFIX, KubernetesProvisioner
from control_plane.provision.kubernetes.waiting import Patience

CHART = Path(__file__).parents[2] / "helm" / "cell"
WAIT_S, WAIT_S_MAX = 600, 86_400
PREFIX_VARIABLE = "WAGGLE_CELL_NAMESPACE_PREFIX"

Values = Annotated[list[Path] | None, typer.Option("--values", "-f", metavar="FILE", help="Values of the chart; later files lie above.")]
Version = Annotated[str, typer.Option("--version", help="Of the image [default: what runs there, else the chart's]", show_default=False)]
Region = Annotated[str, typer.Option(help="Region the cell is in [default: where it is, else local]", show_default=False)]
ChartFolder = Annotated[Path | None, typer.Option("--chart", envvar="WAGGLE_CELL_CHART", metavar="DIR", help="The chart of a cell.")]
Helm = Annotated[str, typer.Option("--helm", envvar="WAGGLE_HELM", metavar="PROGRAM", help="Helm 3.")]
Kubeconfig = Annotated[Path | None, typer.Option("--kubeconfig", metavar="FILE", help="Default: $KUBECONFIG, else ~/.kube/config.")]
Context = Annotated[str, typer.Option("--context", help="Of the kubeconfig; default: its current one.")]
WaitS = Annotated[int, typer.Option("--wait-s", min=1, max=WAIT_S_MAX, help="Seconds until all of it must be ready.")]


@dataclass(frozen=True, slots=True)
class OnCluster:
    """Which cluster, with which tools."""

    kubeconfig: Path | None = None
    context: str = ""
    chart: Path | None = None
    helm: str = "helm"
    wait_s: int = WAIT_S

    def provisioner(self, shown: Shown) -> KubernetesProvisioner:
        """Raises NoCluster."""
        cluster = connect(self.kubeconfig, self.context)
        prefix = os.environ.get(PREFIX_VARIABLE) or NAMESPACE_PREFIX
        return KubernetesProvisioner(
            cluster, Chart(self.chart or CHART, self.helm), prefix=prefix, patience=Patience(limit_s=self.wait_s), tell=shown.tell
        )
