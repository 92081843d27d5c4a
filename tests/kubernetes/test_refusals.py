"""What keeps a cell from standing is told in one line that names it, and nothing is half changed by a refusal that could be foreseen."""

import asyncio
from pathlib import Path

import pytest

from chassis.identity import CellName
from control_plane.provision.errors import ProvisionError
from control_plane.provision.interface import CellSpec
from control_plane.provision.kubernetes.chart import Chart
from control_plane.provision.kubernetes.cluster import Cluster
from control_plane.provision.kubernetes.connection import connect
from control_plane.provision.kubernetes.driver import KubernetesProvisioner
from control_plane.provision.kubernetes.errors import (
    CellNotApplied,
    ChartRefused,
    ImageNotPulled,
    KindUnknown,
    NoCluster,
    NoHelm,
    NoRights,
    NotReady,
    ObjectRefused,
    QuotaExceeded,
)
from control_plane.provision.kubernetes.manifests import Manifest, Ref
from control_plane.provision.kubernetes.waiting import Patience
from tests.harness.kubelet import untouched, without_image
from tests.harness.kubernetes import ApiServer, tool
from tests.kubernetes import operators
from tests.kubernetes.conftest import SMALL, World

pytestmark = pytest.mark.anyio


async def refused(world: World, kind: type[ProvisionError], values: dict[str, object] | None = None, **others: object) -> str:
    provisioner = world.provisioner(**others)  # type: ignore[arg-type]
    with pytest.raises(kind) as caught:
        await provisioner.apply(world.spec, values)
    line = str(caught.value)
    assert "\n" not in line and len(line) < 900
    return line


def untold(world: World) -> bool:
    return world.cluster.get(Ref("v1", "Namespace", "", world.namespace)) is None


async def test_no_cluster(tmp_path: Path, api_server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(NoCluster, match=r"no cluster is configured: .*give --kubeconfig"):
        connect()
    with pytest.raises(NoCluster, match=r"no cluster is configured: .*other"):
        connect(api_server.kubeconfig(), "other")
    silent = tmp_path / "silent"
    silent.write_text(api_server.kubeconfig().read_text().replace(api_server.url, "https://127.0.0.1:1"))
    provisioner = KubernetesProvisioner(connect(silent), Chart(SMALL, tool("helm")))
    with pytest.raises(NoCluster, match=r"no cluster answers \(while trying to .*Connection refused"):
        await provisioner.cells()


async def test_no_helm_and_values_that_the_chart_refuses(world: World, tmp_path: Path) -> None:
    without = KubernetesProvisioner(world.cluster, Chart(SMALL, "helm-that-is-not-here"))
    with pytest.raises(NoHelm, match="'helm-that-is-not-here' is not on this machine; install helm 3, or name it with --helm"):
        await without.plan(world.spec)
    nowhere = KubernetesProvisioner(world.cluster, Chart(tmp_path, tool("helm")))
    with pytest.raises(ChartRefused, match="is not a chart"):
        await nowhere.plan(world.spec)
    real = KubernetesProvisioner(world.cluster, Chart(Path(__file__).parents[2] / "helm" / "cell", tool("helm")))
    with pytest.raises(ChartRefused, match="replicas"):
        await real.plan(world.spec, {"worker": {"replicas": "many"}})
    assert untold(world)


async def test_no_rights(world: World, api_server: ApiServer) -> None:
    line = await refused(world, NoRights, cluster=connect(api_server.kubeconfig("tester")))
    assert line.startswith("this user has no right to read ConfigMap waggle-applied: ") and 'User "tester"' in line
    line = await refused(world, NoRights, cluster=connect(api_server.kubeconfig("nobody")))
    assert line.startswith("the cluster does not know this user") and "sign in again" in line
    assert untold(world)


async def test_rights_that_suffice_for_a_namespace_that_is_there(world: World, api_server: ApiServer) -> None:
    """Who may not make namespaces is given one, and says so in the values."""
    group = "rbac.authorization.k8s.io"
    binding: dict[str, object] = {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "tester", "namespace": world.namespace},
        "roleRef": {"kind": "ClusterRole", "name": "admin", "apiGroup": group},
        "subjects": [{"kind": "User", "name": "tester", "apiGroup": group}],
    }
    line = await refused(world, ObjectRefused, {"namespace": {"create": False}})
    assert line == f"there is no namespace {world.namespace}; make it, or let the values say namespace.create: true"
    give(world.cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": world.namespace}})
    give(world.cluster, binding)
    tester = connect(api_server.kubeconfig("tester"))
    assert "no right to" in await refused(world, NoRights, cluster=tester)

    await world.provisioner(tester).apply(world.spec, {"namespace": {"create": False}})

    assert world.require("Deployment", "api")["status"]["availableReplicas"] == 1


def give(cluster: Cluster, document: dict[str, object]) -> None:
    cluster.apply(Manifest(cluster.ref(document), document))


async def test_a_quota_that_leaves_no_room(world: World) -> None:
    line = await refused(world, QuotaExceeded, {"quota": {"pods": "1"}, "replicas": 1})
    assert line.startswith("Job migrate: ") and "exceeded quota: cell, requested: pods=1, used: pods=1, limited: pods=1" in line
    world.patience = Patience(limit_s=60.0, grace_s=30.0, poll_s=0.05)  # the Job's next try comes when its controller pleases
    await world.provisioner().apply(world.spec, {"quota": {"pods": "9"}})


async def test_a_quota_that_leaves_no_room_for_an_object(world: World) -> None:
    line = await refused(world, QuotaExceeded, {"quota": {"services": "0"}})
    assert line.startswith("the quota leaves no room to apply Service api: ") and "exceeded quota" in line


async def test_an_image_that_cannot_be_pulled(world: World) -> None:
    world.kubelet.judge(world.namespace, without_image)
    line = await refused(world, ImageNotPulled)
    assert line == "StatefulSet postgres: image postgres:18 cannot be pulled: Back-off pulling image: not found"


async def test_pods_that_nobody_takes(world: World) -> None:
    world.kubelet.verdicts[world.namespace] = untouched
    world.patience = Patience(limit_s=2.0, grace_s=9.0, poll_s=0.05)
    assert (await refused(world, NotReady)).startswith("not ready within 2 s: StatefulSet postgres: ")


async def test_a_store_whose_operator_is_missing(world: World) -> None:
    await operators.remove(world.cluster, "Cluster")
    line = await refused(world, KindUnknown, {"postgres": "cloudnative-pg"}, cluster=Cluster(world.cluster.connection))
    told = (
        "the cluster knows no Cluster of postgresql.cnpg.io/v1: the operator cloudnative-pg is not installed; install it, or choose another"
    )
    assert line.startswith(told)
    assert untold(world), "that was found before anything was made"


async def test_what_cannot_be_changed_is_refused_before_anything_is(world: World) -> None:
    await world.provisioner().apply(world.spec)
    fresh = {"namespace": {"create": True}, "secretName": "other", "volume": "2Gi", "replicas": 2}
    line = await refused(world, ObjectRefused, fresh)
    assert line.startswith("the cluster refuses to try StatefulSet postgres: ") and "Forbidden: updates to statefulset spec" in line
    assert world.require("Deployment", "api")["spec"]["replicas"] == 1


async def test_another_region_and_a_cell_that_was_never_applied(world: World) -> None:
    await world.provisioner().apply(world.spec)
    with pytest.raises(ProvisionError, match="exists in region 'eu'"):
        await world.provisioner().plan(CellSpec(world.spec.name, "us"))
    for act in (world.provisioner().diff("nowhere"), world.provisioner().retire(CellName("nowhere"))):
        with pytest.raises(CellNotApplied, match="no cell 'nowhere' was applied to this cluster"):
            await act


async def test_two_who_apply_at_once_end_the_same(world: World) -> None:
    await asyncio.gather(*(world.provisioner().apply(world.spec, {"replicas": 2}) for _ in range(2)))
    assert (await world.provisioner().diff(world.cell)).acts == ()
