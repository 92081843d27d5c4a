"""`waggle cell …` on a cluster: what people see, what scripts read, and kill -9 of its process."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from control_plane.provision.kubernetes.manifests import Ref
from control_plane.provision.layout import Layout
from protos.admin.v1 import admin_pb2
from tests.harness.control import ControlPlane, FakeCell, running_cell, running_control_plane
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.kubelet import ready, untouched
from tests.kubernetes.conftest import World
from tests.kubernetes.verbs import Verbs

pytestmark = pytest.mark.anyio


@pytest.fixture
async def control(control_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[ControlPlane]:
    async with running_control_plane(control_database.app_url, tmp_path) as running:
        facts = {"control_plane": running.address, "public_url": "http://127.0.0.1:8080"}
        Layout(tmp_path).platform.write_text(json.dumps(facts))
        yield running


@pytest.fixture
def waggle(typing: None, capsys: pytest.CaptureFixture[str]) -> Verbs:
    return Verbs("cell", capsys)


async def test_a_cell_from_its_plan_to_its_drift(world: World, waggle: Verbs, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("replicas: 2\n")
    code, out, err = await waggle("plan", world.cell, "--values", str(values), "--region", "eu")
    assert (code, err) == (0, "") and "+ create Deployment api" in out.splitlines()

    code, out, err = await waggle("apply", world.cell, "--values", str(values), "--region", "eu")
    assert code == 0 and out.splitlines()[0] == f"{world.cell} in namespace {world.namespace}, small-1.0.0"
    assert "Deployment api ready: 2 of 2 pods ready" in err.splitlines()
    assert await waggle("diff", world.cell) == (0, out.splitlines()[0] + "\nno drift\n", "")

    code, out, _ = await waggle("upgrade", world.cell, "2", "--json")
    told = json.loads(out)
    changed = {(one["kind"], one["name"]): one["action"] for one in told["objects"] if one["action"] != "keep"}
    assert (told["version"], changed) == ("2", {("Job", "migrate"): "replace", ("Deployment", "api"): "change"})
    world.cluster.merge(world.cluster.ref(world.require("Deployment", "api")), {"spec": {"replicas": 5}})
    code, out, _ = await waggle("diff", world.cell)
    assert (code, out.splitlines()[1:]) == (1, ["~ change Deployment api", "    spec.replicas: 5 -> 2"])


async def test_killed_while_it_waits_for_a_store_a_migration_a_process(world: World, waggle: Verbs) -> None:
    def waits_at(kind: str) -> Any:
        return lambda pod: ready(pod) if owner_rank(pod) < ("StatefulSet", "Job", "ReplicaSet").index(kind) else None

    for kind, name, version in (("StatefulSet", "postgres", "apps/v1"), ("Job", "migrate", "batch/v1"), ("Deployment", "api", "apps/v1")):
        world.kubelet.verdicts[world.namespace] = waits_at("ReplicaSet" if kind == "Deployment" else kind)
        process = await waggle.begin("apply", world.cell)
        await eventually(partial(world.get, kind, name, version), within_s=60.0)
        process.send_signal(signal.SIGKILL)
        assert await process.wait() == -signal.SIGKILL
    world.kubelet.judge(world.namespace, ready)

    assert (await waggle("apply", world.cell))[0] == 0

    assert (await waggle("diff", world.cell))[0] == 0
    assert world.require("Deployment", "api")["status"]["availableReplicas"] == 1


def owner_rank(pod: dict[str, Any]) -> int:
    return ("StatefulSet", "Job", "ReplicaSet").index(pod["metadata"]["ownerReferences"][0]["kind"])


async def test_a_cell_is_made_with_the_registry_and_not_ended_against_it(world: World, waggle: Verbs, control: ControlPlane) -> None:
    on_cluster = ("--driver", "kubernetes", "--json")
    world.kubelet.verdicts[world.namespace] = untouched
    killed = await waggle.begin("create", world.cell, *on_cluster)
    await eventually(lambda: world.get("StatefulSet", "postgres"), within_s=60.0)
    killed.kill()
    await killed.wait()
    world.kubelet.judge(world.namespace, ready)

    creating = asyncio.create_task(waggle("create", world.cell, *on_cluster))
    await eventually(lambda: (world.require("Deployment", "api").get("status") or {}).get("availableReplicas"), within_s=60.0)
    async with running_cell(FakeCell(), control.credential) as address:
        await control.heartbeat(world.cell, address)
        code, out, err = await creating
        assert (code, told(out)["state"], err) == (0, "active", "")
        await control.admin.CreateWorkspace(admin_pb2.CreateWorkspaceRequest(name="acme", cell=world.cell))

        code, _, err = await waggle("retire", world.cell, *on_cluster)

    line = f"waggle: {world.cell} cannot be retired: 1 workspaces live there: waggle cell drain empties it\n"
    assert (code, err) == (1, line)
    assert world.require("Deployment", "api")["status"]["availableReplicas"] == 1


async def test_a_cell_without_a_name_that_was_killed_is_finished_and_not_made_twice(
    world: World, waggle: Verbs, control: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at once make two; one that is killed and said again makes one."""
    monkeypatch.setenv("WAGGLE_CELL_NAMESPACE_PREFIX", f"{world.namespace}-")
    spaces = [f"{world.namespace}-cell-{number}" for number in (1, 2)]
    for space in spaces:
        world.kubelet.verdicts[space] = untouched
    words = ("create", "--driver", "kubernetes", "--json")
    first = await waggle.begin(*words)
    await eventually(partial(world.cluster.get, Ref("apps/v1", "StatefulSet", spaces[0], "postgres")), within_s=60.0)
    second = await waggle.begin(*words)
    await eventually(partial(world.cluster.get, Ref("apps/v1", "StatefulSet", spaces[1], "postgres")), within_s=60.0)
    for process in (first, second):
        process.kill()
        await process.wait()
    for space in spaces:
        world.kubelet.judge(space, ready)

    for name in ("cell-1", "cell-2"):
        again = asyncio.create_task(waggle(*words))
        await eventually(partial(_ready_in, world, f"{world.namespace}-{name}"), within_s=60.0)
        await control.heartbeat(name, "127.0.0.1:9")
        code, out, err = await again
        assert (code, told(out)["name"], err) == (0, name, "")
    assert {cell.name for cell in (await control.admin.ListCells(admin_pb2.ListCellsRequest())).cells} == {"cell-1", "cell-2"}


def _ready_in(world: World, space: str) -> bool:
    found = world.cluster.get(Ref("apps/v1", "Deployment", space, "api"))
    return bool(found and (found.get("status") or {}).get("availableReplicas"))


async def test_an_empty_cell_is_ended_on_the_cluster(world: World, waggle: Verbs, control: ControlPlane) -> None:
    await world.provisioner().apply(world.spec)
    await control.heartbeat(world.cell, "127.0.0.1:9")

    await control.admin.DrainCell(admin_pb2.CellRef(name=world.cell))

    code, out, err = await waggle("retire", world.cell, "--driver", "kubernetes", "--json")

    assert (code, err) == (0, "") and told(out)["state"] == "retired"
    assert not list(world.cluster.list("v1", "Pod", world.namespace))


def told(out: str) -> dict[str, Any]:
    """The JSON; the control plane, which runs in this process, logs above it."""
    found: dict[str, Any] = json.loads(out[out.index("{\n") :])
    return found


async def test_refusals_are_one_line(world: World, waggle: Verbs, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, err = await waggle("diff", "nowhere")
    line = "waggle: no cell 'nowhere' was applied to this cluster (namespace waggle-nowhere); waggle cell apply makes one\n"
    assert (code, out, err) == (1, "", line)
    monkeypatch.setenv("WAGGLE_HELM", "helm-that-is-not-here")
    _, _, err = await waggle("plan", world.cell)
    assert err == "waggle: the program 'helm-that-is-not-here' is not on this machine; install helm 3, or name it with --helm\n"
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    _, _, err = await waggle("plan", world.cell)
    assert err.startswith("waggle: no cluster is configured: ") and len(err.splitlines()) == 1
