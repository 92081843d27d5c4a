"""Every object that the charts render is one that a real API server takes; operators' kinds are judged by the operators' own schemas."""

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from control_plane.provision.kubernetes.cluster import Cluster, Kind
from control_plane.provision.kubernetes.connection import connect
from control_plane.provision.kubernetes.errors import KindUnknown
from control_plane.provision.kubernetes.manifests import Document, Manifest, Ref
from control_plane.provision.kubernetes.refusals import status_of
from tests.harness.charts import CHARTS, NAMESPACES, SETS, objects
from tests.harness.eventually import eventually
from tests.harness.kubernetes import BIN, ApiServer

DEFINITION = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
OPERATORS = ("postgresql.cnpg.io/v1", "cert-manager.io/v1", "monitoring.coreos.com/v1", "gateway.networking.k8s.io/v1")
STRICT = {"dryRun": "All", "fieldValidation": "Strict", "fieldManager": "tests"}


@pytest.fixture(scope="module")
def judge(api_server: ApiServer) -> Iterator[Cluster]:
    """Knows the operators' kinds, as far as they could be fetched, and has the charts' namespaces. Other tests find it without."""
    cluster = connect(api_server.kubeconfig())
    for name in set(NAMESPACES.values()):
        _create(cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    defined = [_define(cluster, path) for path in sorted((BIN / "crds").glob("*.yaml"))]
    yield connect(api_server.kubeconfig())  # asks anew what there is
    for ref in defined:
        cluster.delete(ref)
    asyncio.run(eventually(lambda: not any(map(cluster.get, defined))))


@pytest.mark.parametrize(("chart", "values"), list(itertools.product(CHARTS, SETS)))
def test_an_api_server_takes_everything(judge: Cluster, chart: str, values: str) -> None:
    judged = [one for one in objects(chart, values) if _kind(judge, one)]
    assert {one["apiVersion"] for one in objects(chart, values)} - {one["apiVersion"] for one in judged} <= _without_definitions()
    assert [said for one in judged if (said := _refusal(judge, one))] == []


def test_a_slip_of_the_pen_would_be_seen(judge: Cluster) -> None:
    """The judge judges: in a built-in kind, and in an operator's where its schema is there."""
    found = {one["kind"]: one for one in objects("cell", "production")}
    found["Deployment"]["spec"]["template"]["spec"]["securityContexts"] = {}
    assert 'unknown field "spec.template.spec.securityContexts"' in _refusal(judge, found["Deployment"])
    if _kind(judge, found["Cluster"]):
        found["Cluster"]["spec"]["postgresql"]["synchronous"]["method"] = "all"
        assert "synchronous.method: Unsupported value" in _refusal(judge, found["Cluster"])


def _refusal(cluster: Cluster, one: Document) -> str:
    """What the server says against it; empty when it would take it."""
    kind = _kind(cluster, one)
    assert kind is not None
    place = f"{kind.path}/namespaces/{one['metadata']['namespace']}/{kind.plural}"
    code, answer = cluster.connection.call("POST", place, f"try {one['kind']}", STRICT, one, "application/json")
    return "" if code < 300 else f"{one['kind']} {one['metadata']['name']}: {status_of(answer).get('message')}"


def _kind(cluster: Cluster, one: Document) -> Kind | None:
    try:
        return cluster.kind(one["apiVersion"], one["kind"])
    except KindUnknown:
        return None


def _without_definitions() -> set[str]:
    """Groups of operators whose kinds could not be fetched here."""
    there = "".join(path.name for path in (BIN / "crds").glob("*.yaml"))
    return {version for version in OPERATORS if version.partition("/")[0] not in there}


def _define(cluster: Cluster, path: Path) -> Ref:
    (document,) = (one for one in yaml.load_all(path.read_text(), yaml.CSafeLoader) if one)
    _create(cluster, document)
    ref = Ref(*DEFINITION, "", document["metadata"]["name"])

    def established() -> bool:
        conditions = ((cluster.get(ref) or {}).get("status") or {}).get("conditions") or []
        return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)

    asyncio.run(eventually(established))
    return ref


def _create(cluster: Cluster, document: Document) -> None:
    cluster.create(Manifest(Ref(document["apiVersion"], document["kind"], "", document["metadata"]["name"]), document))
