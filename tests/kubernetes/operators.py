"""The kinds that operators bring, as far as an API server can know them here: their names. What is inside is not checked."""

from control_plane.provision.kubernetes.cluster import Cluster
from control_plane.provision.kubernetes.manifests import Document, Manifest
from tests.harness.eventually import eventually

KINDS = (
    ("postgresql.cnpg.io", "v1", "Cluster"),
    ("postgresql.cnpg.io", "v1", "ScheduledBackup"),
    ("monitoring.coreos.com", "v1", "ServiceMonitor"),
    ("monitoring.coreos.com", "v1", "PrometheusRule"),
    ("cert-manager.io", "v1", "Certificate"),
    ("gateway.networking.k8s.io", "v1", "HTTPRoute"),
)


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
    for kind in KINDS:
        document = definition(*kind)
        cluster.apply(Manifest(cluster.ref(document), document))
    for group, version, kind in KINDS:
        await eventually(lambda group=group, version=version, kind=kind: Cluster(cluster.connection).kind(f"{group}/{version}", kind))


async def remove(cluster: Cluster, kind: str) -> None:
    """Returns when it is served no more."""
    group, version, _ = next(one for one in KINDS if one[2] == kind)
    ref = cluster.ref(definition(group, version, kind))
    cluster.delete(ref)
    await eventually(lambda: cluster.get(ref) is None)
