"""The kinds that operators bring, by name alone: what is inside is not checked."""

from functools import partial

from control_plane.provision.kubernetes.cluster import Cluster
from control_plane.provision.kubernetes.manifests import Document, Manifest
from tests.harness.eventually import eventually

KINDS: tuple[tuple[str, str, str], ...] = (("postgresql.cnpg.io", "v1", "Cluster"),)


def definition(group: str, version: str, kind: str) -> Document:
    singular, plural = kind.lower(), f"{kind.lower()}s"
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}, "subresources": {"status": {}}}
    names = {"kind": kind, "singular": singular, "plural": plural, "listKind": f"{kind}List"}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [served]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}", "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"}},
        "spec": spec,
    }


async def install(cluster: Cluster) -> None:
    """Returns when all of them are served."""
    for one in KINDS:
        document = definition(*one)
        cluster.apply(Manifest(cluster.ref(document), document))
    for group, version, kind in KINDS:
        await eventually(partial(served, cluster, f"{group}/{version}", kind), within_s=30.0)


def served(cluster: Cluster, api_version: str, kind: str) -> bool:
    """Asked anew; raises KindUnknown until it is."""
    return bool(Cluster(cluster.connection).kind(api_version, kind))


async def remove(cluster: Cluster, kind: str) -> None:
    """Returns when it is served no more."""
    group, version, _ = next(one for one in KINDS if one[2] == kind)
    ref = cluster.ref(definition(group, version, kind))
    cluster.delete(ref)
    await eventually(lambda: cluster.get(ref) is None)
