"""A cell on a cluster: made, changed, looked at, pruned, ended; against a real API server with its real controllers."""

import pytest

from control_plane.provision.interface import MigrationLimits, Provisioner
from control_plane.provision.kubernetes.driver import KubernetesProvisioner
from control_plane.provision.kubernetes.manifests import Ref
from control_plane.provision.kubernetes.planning import Action, Plan
from tests.harness.kubelet import failing_jobs, ready
from tests.kubernetes.conftest import World

pytestmark = pytest.mark.anyio


def acts(plan: Plan) -> set[tuple[Action, str]]:
    return {(one.action, str(one.ref)) for one in plan.acts}


PROVISIONS: type[Provisioner] = KubernetesProvisioner
"""The same interface as this machine's."""


async def test_a_cell_is_made_as_it_was_planned_and_then_nothing_is_left_to_do(world: World) -> None:
    provisioner = world.provisioner()
    planned = await provisioner.plan(world.spec)
    assert world.cluster.get(Ref("v1", "Namespace", "", world.namespace)) is None, "planning changes nothing"

    done = await provisioner.apply(world.spec)

    everything = ("Namespace " + world.namespace, "ConfigMap extra", "Service api", "StatefulSet postgres", "Job migrate", "Deployment api")
    assert acts(planned) == acts(done) == {(Action.CREATE, one) for one in everything}
    assert world.require("Deployment", "api")["status"]["availableReplicas"] == 1
    assert world.require("Job", "migrate", "batch/v1")["status"]["succeeded"] == 1
    assert (await provisioner.diff(world.cell)).acts == ()
    assert world.spec in await provisioner.cells()


async def test_a_change_is_shown_before_it_is_made_and_what_is_not_rendered_any_more_goes(world: World) -> None:
    provisioner = world.provisioner()
    await provisioner.apply(world.spec)
    password = world.require("Secret", "waggle-cell", "v1")["data"]

    values = {"replicas": 2, "extra": False}
    planned = await provisioner.plan(world.spec, values)
    await provisioner.apply(world.spec, values)

    assert acts(planned) == {(Action.CHANGE, "Deployment api"), (Action.REMOVE, "ConfigMap extra")}
    (change,) = next(one for one in planned.acts if one.action is Action.CHANGE).changes
    assert (change.path, change.before, change.after) == ("spec.replicas", "1", "2")
    assert world.get("ConfigMap", "extra", "v1") is None
    assert world.require("Deployment", "api")["status"]["availableReplicas"] == 2
    assert world.require("Secret", "waggle-cell", "v1")["data"] == password


async def test_an_upgrade_keeps_the_values_and_migrates_before_a_process_changes(world: World) -> None:
    provisioner = world.provisioner()
    await provisioner.apply(world.spec, {"replicas": 2})
    world.kubelet.judge(world.namespace, failing_jobs)

    with pytest.raises(Exception, match="Job migrate: Job has reached the specified backoff limit"):
        await provisioner.change_version(world.cell, "2")
    assert image_of(world) == "waggle:1", "the processes wait for their migrations"

    world.kubelet.judge(world.namespace, ready)
    await provisioner.migrate(world.spec.name, "2", MigrationLimits())
    assert image_of(world) == "waggle:1", "who goes through a fleet migrates all of it first"
    await provisioner.upgrade(world.spec.name, "2")
    deployment = world.require("Deployment", "api")
    assert (image_of(world), deployment["spec"]["replicas"], deployment["status"]["updatedReplicas"]) == ("waggle:2", 2, 2)
    await provisioner.apply(world.spec, {"replicas": 1})
    assert image_of(world) == "waggle:2", "who changes a value does not go back to the chart's own version"


def image_of(world: World) -> str:
    return str(world.require("Deployment", "api")["spec"]["template"]["spec"]["containers"][0]["image"])


async def test_drift_is_shown_and_undone(world: World) -> None:
    provisioner = world.provisioner()
    await provisioner.apply(world.spec)
    api = Ref("apps/v1", "Deployment", world.namespace, "api")
    world.cluster.merge(api, {"spec": {"template": {"spec": {"containers": [{"name": "api", "image": "evil:1"}]}}}})
    world.cluster.delete(Ref("v1", "Service", world.namespace, "api"))

    drift = await provisioner.diff(world.cell)

    assert acts(drift) == {(Action.CHANGE, "Deployment api"), (Action.CREATE, "Service api")}
    changed = {one.path: (one.before, one.after) for found in drift.acts for one in found.changes}
    assert changed["spec.template.spec.containers[api].image"] == ("evil:1", "waggle:1")
    await provisioner.apply(world.spec)
    assert (await provisioner.diff(world.cell)).acts == ()


async def test_a_retired_cell_runs_nothing_and_keeps_its_data_until_they_are_deleted(world: World) -> None:
    provisioner = world.provisioner()
    await provisioner.apply(world.spec)
    password = world.require("Secret", "waggle-cell", "v1")["data"]

    await provisioner.retire(world.spec.name)

    assert not list(world.cluster.list("v1", "Pod", world.namespace))
    assert world.get("StatefulSet", "postgres") is None
    assert world.require("PersistentVolumeClaim", "data-postgres-0", "v1")
    assert world.spec not in await provisioner.cells()
    await provisioner.apply(world.spec)
    assert world.require("Secret", "waggle-cell", "v1")["data"] == password, "it may come back with its data"
    await provisioner.retire(world.spec.name, delete_data=True)
    assert world.cluster.get(Ref("v1", "Namespace", "", world.namespace)) is None
