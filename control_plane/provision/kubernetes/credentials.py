"""Passwords between a cell's own processes: made once where nobody gave them, never changed, never pruned, never recorded."""

import base64
import secrets
from collections.abc import Iterable, Iterator
from typing import Any

from control_plane.provision.kubernetes.cluster import Cluster
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
    return cluster.create(
        Manifest(ref, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret, "namespace": namespace}, "data": data})
    )


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
