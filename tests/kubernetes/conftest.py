"""One API server for all tests here, a namespace each."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chassis.identity import CellName
from control_plane.provision.interface import CellSpec
from control_plane.provision.kubernetes.chart import Chart, Values
from control_plane.provision.kubernetes.cluster import Cluster
from control_plane.provision.kubernetes.connection import connect
from control_plane.provision.kubernetes.driver import KubernetesProvisioner
from control_plane.provision.kubernetes.manifests import Document, Ref
from control_plane.provision.kubernetes.waiting import Patience
from tests.harness.kubelet import Kubelet
from tests.harness.kubernetes import ApiServer, an_api_server, tool

SMALL = Path(__file__).parent / "chart"
PATIENCE = Patience(limit_s=60.0, grace_s=0.3, poll_s=0.05)
numbers = itertools.count(1)


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with an_api_server(tmp_path_factory.mktemp("kubernetes")) as server:
        yield server


@pytest.fixture(scope="session")
def kubelet(api_server: ApiServer) -> Iterator[Kubelet]:
    with Kubelet(api_server) as node:
        yield node


@pytest.fixture(scope="session")
def cluster(api_server: ApiServer, kubelet: Kubelet) -> Cluster:
    return connect(api_server.kubeconfig())


@pytest.fixture
def typing(api_server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `waggle` finds in its environment: the chart, helm, the cluster, a home of its own."""
    monkeypatch.setenv("WAGGLE_CELL_CHART", str(SMALL))
    monkeypatch.setenv("WAGGLE_HELM", tool("helm"))
    monkeypatch.setenv("KUBECONFIG", str(api_server.kubeconfig()))
    monkeypatch.setenv("WAGGLE_HOME", str(tmp_path))


@dataclass
class World:
    """A cell of its own for a test, and what it takes to look at it."""

    cluster: Cluster
    kubelet: Kubelet
    cell: str
    patience: Patience = PATIENCE

    @property
    def spec(self) -> CellSpec:
        return CellSpec(CellName(self.cell), "eu")

    @property
    def namespace(self) -> str:
        return f"waggle-{self.cell}"

    def provisioner(self, cluster: Cluster | None = None, chart: Path = SMALL, values: Values | None = None) -> KubernetesProvisioner:
        return KubernetesProvisioner(cluster or self.cluster, Chart(chart, tool("helm")), values or {}, patience=self.patience)

    def get(self, kind: str, name: str, api_version: str = "apps/v1") -> Document | None:
        return self.cluster.get(Ref(api_version, kind, self.namespace, name))

    def require(self, kind: str, name: str, api_version: str = "apps/v1") -> Document:
        found = self.get(kind, name, api_version)
        assert found is not None, f"no {kind} {name}"
        return found


def a_world(cluster: Cluster, kubelet: Kubelet) -> World:
    return World(cluster, kubelet, f"test-{next(numbers)}")


@pytest.fixture
def world(cluster: Cluster, kubelet: Kubelet) -> World:
    return a_world(cluster, kubelet)
