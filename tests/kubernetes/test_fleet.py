"""A version through cells on a cluster: ordered and judged by a control plane without rights there, applied by whoever types."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from control_plane.app import fleet as wiring
from control_plane.cli import cluster_options, fleet_on_cluster
from control_plane.cli.__main__ import run
from control_plane.cli.fleet_applying import Applier
from control_plane.fleet import Conductor, conductor, upgrading
from control_plane.provision.applied import AppliedCells
from control_plane.provision.kubernetes.waiting import Patience
from control_plane.provision.layout import Layout
from tests.harness.control import ControlPlane, running_control_plane
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.kubelet import Pod, ready, without_image
from tests.harness.kubernetes import ApiServer
from tests.kubernetes.conftest import World, a_world
from tests.kubernetes.nodes import speaking
from tests.kubernetes.verbs import Verbs

pytestmark = [pytest.mark.anyio, pytest.mark.lasts(120)]
HALTED = {
    "why": "canceling statement due to lock timeout",
    "statement": "ALTER TABLE messages ADD x int",
    "blockers": [{"pid": 7, "application": "ann", "query": "SELECT"}],
}


@pytest.fixture
async def control(control_database: FreshDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ControlPlane]:
    """It looks at cells for a moment instead of for seconds, and nobody sleeps for long."""
    monkeypatch.setattr(conductor, "EVERY_S", 0.1)
    monkeypatch.setattr(fleet_on_cluster, "Applier", partial(Applier, poll_s=0.1, again_s=0.2))
    monkeypatch.setattr(cluster_options, "Patience", partial(Patience, grace_s=0.3, poll_s=0.1))
    monkeypatch.setattr(upgrading, "LOOK_S", 0.3)
    monkeypatch.setattr(upgrading, "SAMPLE_EVERY_S", 0.1)
    monkeypatch.setattr(wiring, "Conductor", partial(Conductor, settled_s=0.0))
    async with running_control_plane(control_database.app_url, tmp_path, AppliedCells()) as running:
        Layout(tmp_path).platform.write_text(json.dumps({"control_plane": running.address, "public_url": "http://127.0.0.1:8080"}))
        yield running


@pytest.fixture
async def two(world: World) -> list[World]:
    """Two cells of version 1."""
    worlds = [world, a_world(world.cluster, world.kubelet)]
    await asyncio.gather(*(one.provisioner().apply(one.spec) for one in worlds))
    return worlds


@dataclass(frozen=True)
class Waggle:
    verbs: Verbs

    async def __call__(self, *words: str) -> tuple[int, dict[str, Any], str]:
        """(exit code, what it printed as JSON, the last line of stderr)"""
        code, out, err = await self.verbs(*words, "--json")
        # What is logged beside it in this process is printed, too.
        answer = json.JSONDecoder().raw_decode(out, out.index("{\n"))[0] if "{\n" in out else {}
        return code, answer, (err.strip().splitlines() or [""])[-1]

    async def begin(self, *words: str) -> asyncio.subprocess.Process:
        return await self.verbs.begin(*words)


@pytest.fixture
def waggle(typing: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Waggle:
    monkeypatch.setenv("WAGGLE_CELL_DRIVER", "kubernetes")
    return Waggle(Verbs("fleet", capsys))


def image(world: World) -> str:
    return str(world.require("Deployment", "api")["spec"]["template"]["spec"]["containers"][0]["image"])


async def test_tables_then_code_in_waves_on_after_a_kill_and_a_pause(two: list[World], control: ControlPlane, waggle: Waggle) -> None:
    canary, other = two
    async with speaking(two, control):
        code, _, said = await waggle("rollout", "2", "--bake", "0")
        assert (code, "were not brought to 2: waggle fleet migrate 2 first" in said) == (1, True)
        code, done, _ = await waggle("migrate", "2")
        assert (code, done["state"], [image(one) for one in two]) == (0, "done", ["waggle:1"] * 2)
        assert [(await one.provisioner().diff(one.cell)).acts for one in two] == [(), ()], "tables that are ahead are no drift"

        canary.kubelet.verdicts[canary.namespace] = lambda pod: None if _tag(pod) == "2" else ready(pod)
        killed = await waggle.begin("rollout", "2", "--bake", "0", "--canary", canary.cell)
        await eventually(lambda: image(canary) == "waggle:2", within_s=60)
        killed.kill()
        await killed.wait()
        canary.kubelet.judge(canary.namespace, ready)
        assert (await waggle("pause"))[1]["state"] == "paused"
        applying = asyncio.create_task(asyncio.to_thread(run, ["fleet", "apply"]))
        await eventually(partial(_is_done, waggle, canary.cell), within_s=60)
        assert image(other) == "waggle:1", "no cell is begun in a pause"
        assert (await waggle("resume"))[1]["state"] == "running"
        assert await applying == 0
        _, done, _ = await waggle("show")

    assert (done["state"], [image(one) for one in two]) == ("done", ["waggle:2"] * 2)
    assert {one["cell"]: one["had"] for one in done["cells"]} == {canary.cell: "1", other.cell: "1"}


async def _is_done(waggle: Waggle, cell: str) -> bool:
    return any(one["stage"] == "done" for one in (await waggle("show"))[1]["cells"] if one["cell"] == cell)


def _tag(pod: Pod) -> str:
    return str(pod["spec"]["containers"][0]["image"].rpartition(":")[2])


async def test_what_is_bad_is_taken_back_and_the_others_never_see_it(two: list[World], control: ControlPlane, waggle: Waggle) -> None:
    canary, other = two
    canary.kubelet.verdicts[canary.namespace] = lambda pod: ready(pod) if "api" not in pod["metadata"]["name"] else _unless_3(pod)
    pods = {one["metadata"]["uid"] for one in canary.cluster.list("v1", "Pod", other.namespace)}
    async with speaking(two, control, failing=frozenset({"2"})):
        for version in ("2", "3"):
            assert (await waggle("migrate", version))[0] == 0
        code, failing, said = await waggle("rollout", "2", "--bake", "60", "--canary", canary.cell)
        assert (code, failing["state"]) == (1, "rolled_back") and "errors rose from 0.0% to" in said
        code, missing, said = await waggle("rollout", "3", "--canary", canary.cell)
        assert (code, missing["state"]) == (1, "rolled_back") and "Deployment api: image waggle:3 cannot be pulled" in said
    assert [image(one) for one in two] == ["waggle:1"] * 2
    left = {one["metadata"]["uid"] for one in canary.cluster.list("v1", "Pod", other.namespace, labels="app=api")}
    assert left <= pods, "no process of the other cell was touched"
    assert (await canary.provisioner().diff(canary.cell)).acts == ()


def _unless_3(pod: Pod) -> dict[str, Any]:
    return without_image(pod) if _tag(pod) == "3" else ready(pod)


async def test_an_abort_takes_back_a_version_that_is_on_its_way(two: list[World], control: ControlPlane, waggle: Waggle) -> None:
    canary, other = two
    async with speaking(two, control):
        assert (await waggle("migrate", "2"))[0] == 0
        canary.kubelet.verdicts[canary.namespace] = lambda pod: None if _tag(pod) == "2" else ready(pod)
        applier = await waggle.begin("rollout", "2", "--canary", canary.cell)
        await eventually(lambda: image(canary) == "waggle:2", within_s=60)
        code, begun, _ = await waggle("abort")
        assert (code, begun["state"], begun["problem"]) == (0, "rolling_back", "aborted on demand")
        async with asyncio.timeout(60):
            assert await applier.wait() == 1, "a pipeline hears that its version is nowhere"
        _, ended, _ = await waggle("show")
    assert {one["cell"]: one["stage"] for one in ended["cells"]} == {canary.cell: "undone", other.cell: "waiting"}
    assert (ended["state"], [image(one) for one in two]) == ("aborted", ["waggle:1"] * 2)
    assert (await canary.provisioner().diff(canary.cell)).acts == ()


async def test_a_migration_that_fails_halts_with_its_last_words(two: list[World], control: ControlPlane, waggle: Waggle) -> None:
    canary, other = two
    canary.kubelet.verdicts[canary.namespace] = lambda pod: _failed(pod) if _is_migration(pod) else ready(pod)
    async with speaking(two, control):
        code, halted, said = await waggle("migrate", "2", "--canary", canary.cell)
        assert (code, halted["state"]) == (1, "halted")
        assert "lock timeout at: ALTER TABLE messages ADD x int; held by pid 7 (ann): SELECT" in said
        assert {one["cell"]: one["stage"] for one in halted["cells"]} == {canary.cell: "failed", other.cell: "waiting"}
        canary.kubelet.verdicts[canary.namespace] = ready
        code, done, _ = await waggle("migrate", "2")
    assert (code, done["state"], done["rollout_id"]) == (0, "done", halted["rollout_id"])


def _is_migration(pod: Pod) -> bool:
    return bool(pod["metadata"]["ownerReferences"][0]["kind"] == "Job")


def _failed(pod: Pod) -> dict[str, Any]:
    container = pod["spec"]["containers"][0]
    ended = {"terminated": {"exitCode": 1, "reason": "Error", "message": f"INFO\n{json.dumps(HALTED)}\n"}}
    state = {"name": container["name"], "image": container["image"], "imageID": "", "ready": False, "restartCount": 0, "state": ended}
    return {"phase": "Failed", "containerStatuses": [state]}


async def test_nothing_is_ordered_without_a_cluster_and_one_applies_at_a_time(
    two: list[World], control: ControlPlane, waggle: Waggle, api_server: ApiServer
) -> None:
    async with speaking(two, control):
        code, _, said = await waggle("migrate", "2", "--kubeconfig", "/nowhere")
        assert code == 1 and said.startswith("waggle: no cluster is configured")
        code, _, said = await waggle("migrate", "2", "--kubeconfig", str(api_server.kubeconfig("tester")))
        assert code == 1 and said.startswith("waggle: this user has no right to list configmaps")
        code, _, said = await waggle("show")
        assert (code, said) == (1, "waggle: nothing has gone through this fleet yet")

        code, begun, _ = await waggle("migrate", "2", "--driver", "local")
        assert (code, begun["state"], begun["applier"]) == (0, "running", "")
        both = await asyncio.gather(*(asyncio.to_thread(run, ["fleet", "apply"]) for _ in range(2)))
        assert (await waggle("show"))[1]["state"] == "done" and 0 in both
