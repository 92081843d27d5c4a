"""Why a migration's Job failed, in its own last words: Kubernetes keeps them with its pod."""

from collections.abc import Iterable, Iterator

from control_plane.provision.errors import MigrationHalted
from control_plane.provision.kubernetes.cluster import Cluster
from control_plane.provision.kubernetes.manifests import Document, Manifest
from control_plane.provision.kubernetes.waiting import pods_of
from control_plane.provision.migrating import halted_by


def halted(cluster: Cluster, cell: str, jobs: Iterable[Manifest], otherwise: str) -> MigrationHalted:
    """`otherwise`: what is said where no pod has said anything."""
    live = [found for one in jobs if one.ref.kind == "Job" and (found := cluster.get(one.ref))]
    said = [words for job in live for pod in pods_of(cluster, job) for words in _last_words(pod)]
    return halted_by(cell, said[-1] if said else otherwise)


def withdraw(cluster: Cluster, jobs: Iterable[Manifest]) -> None:
    """What was given up must not happen later. One that has failed stays, with its log."""
    for one in jobs:
        live = cluster.get(one.ref) if one.ref.kind == "Job" else None
        conditions = ((live or {}).get("status") or {}).get("conditions") or []
        if live is not None and not any(of["type"] in ("Failed", "Complete") and of["status"] == "True" for of in conditions):
            cluster.delete(one.ref)


def _last_words(pod: Document) -> Iterator[str]:
    for container in (pod.get("status") or {}).get("containerStatuses") or ():
        ended = (container.get("state") or {}).get("terminated") or {}
        if words := (ended.get("message") or "").strip():
            yield words
