"""What applying a cell would do, object by object, as the server itself says it (server-side dry run). Nothing is changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from control_plane.provision.kubernetes.cluster import Cluster
from control_plane.provision.kubernetes.difference import Change, changes
from control_plane.provision.kubernetes.errors import ObjectRefused
from control_plane.provision.kubernetes.manifests import CELL_LABEL, DIGEST, Manifest, Ref
from control_plane.provision.kubernetes.record import Record

HOLDS_DATA = frozenset({"Namespace", "PersistentVolumeClaim", "Cluster"})
"""Never pruned: their end is the end of data. `retire --delete-data` alone ends them, with the namespace."""


class Action(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    REPLACE = "replace"
    """A Job: ended, and made again."""
    REMOVE = "remove"
    KEEP = "keep"
    """As it should be."""


@dataclass(frozen=True, slots=True)
class Planned:
    ref: Ref
    action: Action
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    cell: str
    namespace: str
    chart: str
    """name-version"""
    version: str
    """Of the image; empty: the chart's own."""
    planned: tuple[Planned, ...]

    @property
    def acts(self) -> tuple[Planned, ...]:
        """Without what stays as it is."""
        return tuple(one for one in self.planned if one.action is not Action.KEEP)


def require_kinds(cluster: Cluster, manifests: Sequence[Manifest]) -> None:
    """Before anything is written: raises KindUnknown where an operator is missing."""
    for one in manifests:
        cluster.kind(one.ref.api_version, one.ref.kind)


def plan(cluster: Cluster, namespace: str, manifests: Sequence[Manifest], record: Record | None) -> tuple[Planned, ...]:
    """Raises what applying would raise. In a namespace that is not there yet nothing can be tried: all of it is to be created."""
    require_kinds(cluster, manifests)
    if not cluster.get(Ref("v1", "Namespace", "", namespace)):
        if not any(one.ref.kind == "Namespace" for one in manifests):
            raise ObjectRefused(f"there is no namespace {namespace}; make it, or let the values say namespace.create: true")
        return tuple(Planned(one.ref, Action.CREATE) for one in manifests)
    removed = (Planned(ref, Action.REMOVE) for ref in superfluous(cluster, namespace, manifests, record))
    return (*(planned(cluster, one) for one in manifests), *removed)


def planned(cluster: Cluster, manifest: Manifest) -> Planned:
    live = cluster.get(manifest.ref)
    if live is None:
        cluster.apply(manifest, dry_run=True)
        return Planned(manifest.ref, Action.CREATE)
    if manifest.ref.kind == "Job":
        return Planned(manifest.ref, Action.REPLACE if is_stale(live, manifest) else Action.KEEP)
    found = changes(live, cluster.apply(manifest, dry_run=True))
    return Planned(manifest.ref, Action.CHANGE if found else Action.KEEP, found)


def is_stale(live: dict[str, Any], manifest: Manifest) -> bool:
    """Made from something else, failed, or on its way out: it is to run again."""
    conditions = (live.get("status") or {}).get("conditions") or []
    failed = any(one["type"] == "Failed" and one["status"] == "True" for one in conditions)
    made_from = (live["metadata"].get("annotations") or {}).get(DIGEST)
    going = bool(live["metadata"].get("deletionTimestamp"))
    return going or failed or made_from != manifest.document["metadata"]["annotations"][DIGEST]


def superfluous(cluster: Cluster, namespace: str, manifests: Sequence[Manifest], record: Record | None) -> tuple[Ref, ...]:
    """What carries the cell's label and is not wanted any more."""
    wanted = {(one.ref.api_version, one.ref.kind, one.ref.name) for one in manifests}
    found = labelled(cluster, namespace, record) if record else ()
    return tuple(ref for ref in found if (ref.api_version, ref.kind, ref.name) not in wanted)


def labelled(cluster: Cluster, namespace: str, record: Record) -> Iterator[Ref]:
    """Every object of the cell that may be removed."""
    for api_version, kind in sorted(record.kinds):
        if kind not in HOLDS_DATA:
            for document in cluster.list(api_version, kind, namespace, labels=f"{CELL_LABEL}={record.cell}"):
                if not document["metadata"].get("deletionTimestamp"):
                    yield cluster.ref(document)
