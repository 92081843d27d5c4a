"""The chart of a cell, applied as an administrator does: to life, and nothing left to do."""

import pytest

from control_plane.provision.kubernetes.chart import read_values
from tests.harness.charts import HELM
from tests.kubernetes.conftest import World

pytestmark = pytest.mark.anyio


async def test_a_cell_of_the_chart_comes_to_life(world: World) -> None:
    values = read_values([HELM / "values" / "small" / "cell.yaml"])
    provisioner = world.provisioner(chart=HELM / "cell", values=values)
    await provisioner.apply(world.spec)
    for name in ("api", "gateway", "worker"):
        assert world.require("Deployment", name)["status"]["availableReplicas"] == 1
    labels = world.cluster.get(world.cluster.ref({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": world.namespace}}))
    assert labels is not None and labels["metadata"]["labels"]["waggle/plane"] == "cell"
    assert (await provisioner.diff(world.cell)).acts == ()

    await provisioner.apply(world.spec, version="0.2.0")
    (image,) = (one["image"] for one in world.require("Deployment", "api")["spec"]["template"]["spec"]["containers"])
    assert image == "waggle:0.2.0"
