"""What a cell's processes need to believe one another: made, or copied from the control plane's namespace, where nobody gave it.

Never changed, never pruned, never recorded.
"""

import base64
import secrets
from collections.abc import Iterable, Iterator
from typing import Any

from control_plane.provision.kubernetes.cluster import Cluster
from control_plane.provision.kubernetes.errors import NoRights
from control_plane.provision.kubernetes.manifests import Manifest, Ref

NAME_DEFAULT = "waggle-cell"
"""`secretName` of the chart."""
BYTES = 24


def keys_wanted(manifests: Iterable[Manifest], secret: str) -> frozenset[str]:
    """The keys of that Secret which the rendered objects read."""
    return frozenset(key for one in manifests for name, key in _references(one.document) if name == secret)


def ensure(cluster: Cluster, namespace: str, secret: str, keys: frozenset[str]) -> bool:
    """True where it was made. One that exists is left as it is."""
    ref = Ref("v1", "Secret", namespace, secret)
    if not keys or cluster.get(ref):
        return False
    data = {key: base64.b64encode(secrets.token_urlsafe(BYTES).encode()).decode() for key in sorted(keys)}
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret, "namespace": namespace}}
    return cluster.create(Manifest(ref, {**document, "data": data}))


def copy(cluster: Cluster, secret: str, source: str, target: str) -> bool:
    """From one namespace to another. True where it was made; False where it is there already, or cannot be had."""
    ref = Ref("v1", "Secret", target, secret)
    if not source or cluster.get(ref):
        return False
    try:
        found = cluster.get(Ref("v1", "Secret", source, secret))
    except NoRights:
        return False
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret, "namespace": target}}
    return found is not None and cluster.create(Manifest(ref, {**document, "data": found.get("data", {})}))


def namespace_of(address: str) -> str:
    """Of a Service's address, NAME.NAMESPACE.svc:PORT; empty for any other."""
    parts = address.partition(":")[0].split(".")
    return parts[1] if len(parts) > 2 and parts[2] == "svc" else ""


def _references(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        reference = value.get("secretKeyRef")
        if isinstance(reference, dict):
            yield str(reference.get("name")), str(reference.get("key"))
        for one in value.values():
            yield from _references(one)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one)
