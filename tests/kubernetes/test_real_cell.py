"""The chart of a cell, applied as an administrator does: to life, and nothing left to do."""

import pytest

from control_plane.provision.kubernetes.chart import read_values
from control_plane.provision.kubernetes.manifests import Manifest
from tests.harness.charts import HELM
from tests.kubernetes.conftest import World

pytestmark = pytest.mark.anyio


async def test_a_cell_of_the_chart_comes_to_life(world: World) -> None:
    give_token(world)
    values = read_values([HELM / "values" / "small" / "cell.yaml"])
    provisioner = world.provisioner(chart=HELM / "cell", values=values)
    await provisioner.apply(world.spec)
    for name in ("api", "gateway", "worker"):
        assert world.require("Deployment", name)["status"]["availableReplicas"] == 1
    labels = world.cluster.get(world.cluster.ref({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": world.namespace}}))
    assert labels is not None and labels["metadata"]["labels"]["waggle/plane"] == "cell"
    assert (await provisioner.diff(world.cell)).acts == ()

    assert world.require("Secret", "waggle-cluster", "v1")["data"] == {"token": "c2VjcmV0"}
    stores = generations(world)

    await provisioner.change_version(world.cell, "0.2.0")

    (image,) = (one["image"] for one in world.require("Deployment", "api")["spec"]["template"]["spec"]["containers"])
    assert image == "waggle:0.2.0"
    assert generations(world) == stores, "an upgrade restarts no database"
    assert (await provisioner.diff(world.cell)).acts == ()


def give_token(world: World) -> None:
    """As an administrator gives it to the control plane."""
    place = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "waggle"}}
    names = {"name": "waggle-cluster", "namespace": "waggle"}
    for one in (place, {"apiVersion": "v1", "kind": "Secret", "metadata": names, "data": {"token": "c2VjcmV0"}}):
        world.cluster.apply(Manifest(world.cluster.ref(one), one))


def generations(world: World) -> dict[str, str]:
    """Of the StatefulSets' pods."""
    found = world.cluster.list("apps/v1", "StatefulSet", world.namespace)
    return {one["metadata"]["name"]: one["status"]["updateRevision"] for one in found}
