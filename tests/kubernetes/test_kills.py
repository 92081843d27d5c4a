"""A run that is killed at any request and run again ends as one that was not."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from control_plane.provision.kubernetes.chart import Chart, Values
from control_plane.provision.kubernetes.cluster import Cluster, Connection
from control_plane.provision.kubernetes.driver import KubernetesProvisioner
from control_plane.provision.kubernetes.errors import NoCluster
from control_plane.provision.kubernetes.manifests import Document
from control_plane.provision.kubernetes.waiting import Patience
from tests.harness.kubernetes import tool
from tests.kubernetes.conftest import SMALL, World, a_world

NEVER = 10_000
pytestmark = pytest.mark.anyio


class Killed(BaseException):
    """As SIGKILL: nobody catches it."""


@dataclass
class Mortal:
    """Dies when the request with that number, among those that change something, was sent."""

    connection: Connection
    dies_at: int
    changed: int = 0

    def call(self, method: str, path: str, doing: str, query: Mapping[str, str], body: Document | None, kind: str) -> tuple[int, bytes]:
        answer = self.connection.call(method, path, doing, query, body, kind)
        if method != "GET" and "dryRun" not in query:
            self.changed += 1
            if self.changed == self.dies_at:
                raise Killed
        return answer


@dataclass(frozen=True)
class Stencil(Chart):
    """Rendered once for all cells of these tests: helm is no part of what is killed."""

    def text(self, cell: str, namespace: str, values: Values) -> str:
        drawn = cut(self.folder, self.helm, json.dumps({**values, "name": "stencil"}, sort_keys=True))
        return drawn.replace("stencil", cell)


@cache
def cut(folder: Path, helm: str, values: str) -> str:
    return Chart(folder, helm).text("stencil", "waggle-stencil", json.loads(values))


def provisioner_of(world: World, cluster: Cluster | None = None) -> KubernetesProvisioner:
    return replace(world.provisioner(cluster), chart=Stencil(SMALL, tool("helm")), patience=Patience(limit_s=180.0, poll_s=0.25))


async def made_changed_ended(world: World, provisioner: KubernetesProvisioner) -> None:
    await provisioner.apply(world.spec, {"replicas": 2})
    await provisioner.apply(world.spec, {"extra": False}, "2")
    await provisioner.retire(world.spec.name)


def told(world: World) -> list[str]:
    """All that the cell has."""
    core = [("v1", kind) for kind in ("ConfigMap", "Service", "Secret")]
    kinds = [*core, ("apps/v1", "StatefulSet"), ("apps/v1", "Deployment"), ("batch/v1", "Job")]
    found = [one for version, kind in kinds for one in world.cluster.list(version, kind, world.namespace)]
    return sorted(f"{one['kind']} {one['metadata']['name']} {(one.get('spec') or {}).get('replicas')}" for one in found)


async def killed_and_run_again(world: World, number: int) -> int | None:
    """The number of requests that a whole run sends; None where it was killed."""
    mortal = Mortal(world.cluster.connection, number)
    with contextlib.suppress(Killed):
        await made_changed_ended(world, provisioner_of(world, Cluster(mortal)))
        return mortal.changed
    again = provisioner_of(world)
    await again.apply(world.spec, {"extra": False}, "2")
    assert (await again.diff(world.cell)).acts == (), f"killed at request {number}"
    return None


@pytest.mark.lasts(600)
async def test_killed_at_every_step_of_making_changing_and_ending(world: World) -> None:
    changed = await killed_and_run_again(world, NEVER)
    assert changed is not None and changed > 20
    ended = told(world)
    await provisioner_of(world).apply(world.spec, {"extra": False}, "2")
    made = told(world)

    worlds = [a_world(world.cluster, world.kubelet) for _ in range(changed)]
    died = await asyncio.gather(*(killed_and_run_again(one, number) for number, one in enumerate(worlds, 1)))

    assert died == [None] * changed
    assert [told(one) for one in worlds] == [made] * changed
    await asyncio.gather(*(provisioner_of(one).retire(one.spec.name) for one in worlds))
    assert [told(one) for one in worlds] == [ended] * changed


@dataclass
class Restarting:
    """An API server that is away for some requests once a migration was begun."""

    connection: Connection
    away: int = 0

    def call(self, method: str, path: str, doing: str, query: Mapping[str, str], body: Document | None, kind: str) -> tuple[int, bytes]:
        if self.away:
            self.away -= 1
            raise NoCluster("it restarts")
        answer = self.connection.call(method, path, doing, query, body, kind)
        if doing == "apply Job migrate":
            self.away = 4
        return answer


async def test_an_api_server_that_restarts_meanwhile_is_waited_for(world: World) -> None:
    await provisioner_of(world, Cluster(Restarting(world.cluster.connection))).apply(world.spec)
    assert world.require("Deployment", "api")["status"]["availableReplicas"] == 1
