"""A database of cloudnative-pg is waited for, and sleeps when its cell is retired: its end would be the end of its data."""

import asyncio

import pytest

from control_plane.provision.kubernetes.manifests import Document
from tests.harness.eventually import eventually
from tests.kubernetes import operators
from tests.kubernetes.conftest import World

pytestmark = pytest.mark.anyio
CNPG = "postgresql.cnpg.io/v1"


async def test_a_database_of_an_operator(world: World) -> None:
    await operators.install(world.cluster)
    provisioner = world.provisioner()
    applying = asyncio.ensure_future(provisioner.apply(world.spec, {"postgres": "cloudnative-pg"}))
    await eventually(lambda: world.get("Cluster", "postgres", CNPG), within_s=60.0)
    assert world.get("Deployment", "api") is None, "processes wait for their database"
    say(world, {"readyInstances": 1, "phase": "Cluster in healthy state"})
    await applying

    await provisioner.retire(world.spec.name)

    assert annotations(world)["cnpg.io/hibernation"] == "on"
    await provisioner.apply(world.spec)
    assert annotations(world)["cnpg.io/hibernation"] == "off", "it is awake again"
    await operators.remove(world.cluster, "Cluster")


def annotations(world: World) -> dict[str, str]:
    found: Document = world.require("Cluster", "postgres", CNPG)
    return dict(found["metadata"]["annotations"])


def say(world: World, status: Document) -> None:
    """What the operator would write."""
    path = f"/apis/{CNPG}/namespaces/{world.namespace}/clusters/postgres/status"
    code, answer = world.cluster.connection.call("PATCH", path, "test", {}, {"status": status}, "application/merge-patch+json")
    assert code == 200, answer
