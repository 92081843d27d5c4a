"""What was applied: a ConfigMap in the cell's namespace, written before anything else, so that whoever comes after a crash knows.

It holds the values (never a secret: charts name Secrets), and every kind of object that was ever applied, where pruning has to look.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from control_plane.provision.kubernetes.cluster import Cluster
from control_plane.provision.kubernetes.errors import ObjectRefused
from control_plane.provision.kubernetes.manifests import Document, Manifest, Ref

NAME = "waggle-applied"
LABEL = "waggle/record"
KINDS_MAX = 100

KindName = tuple[str, str]
"""(apiVersion, kind)"""


@dataclass(frozen=True, slots=True)
class Record:
    cell: str
    namespace: str
    state: str
    """applying, applied, retiring or retired"""
    chart: str = ""
    """name-version"""
    values: dict[str, Any] = field(default_factory=dict)
    kinds: frozenset[KindName] = frozenset()
    before: dict[str, Any] = field(default_factory=dict)
    """The image that the cell ran before the present one, digest and all: what going back brings back."""

    def with_kinds(self, manifests: Iterable[Manifest]) -> "Record":
        return replace(self, kinds=self.kinds | {(one.ref.api_version, one.ref.kind) for one in manifests})

    def only_kinds(self, manifests: Iterable[Manifest]) -> "Record":
        return replace(self, kinds=frozenset()).with_kinds(manifests)

    @property
    def region(self) -> str:
        return str(self.values.get("region", ""))

    @property
    def version(self) -> str:
        return str((self.values.get("image") or {}).get("tag", ""))


def ref_in(namespace: str) -> Ref:
    return Ref("v1", "ConfigMap", namespace, NAME)


def read(cluster: Cluster, namespace: str) -> Record | None:
    document = cluster.get(ref_in(namespace))
    return record_of(document) if document else None


def read_all(cluster: Cluster) -> tuple[Record, ...]:
    """Of all namespaces, by cell."""
    found = (record_of(document) for document in cluster.list("v1", "ConfigMap", "", labels=LABEL))
    return tuple(sorted(found, key=lambda one: one.cell))


def write(cluster: Cluster, record: Record) -> None:
    cluster.apply(Manifest(ref_in(record.namespace), document_of(record)))


def document_of(record: Record) -> Document:
    facts = {"cell": record.cell, "state": record.state, "chart": record.chart}
    values, before = json.dumps(record.values, sort_keys=True), json.dumps(record.before, sort_keys=True)
    data = {**facts, "values": values, "kinds": json.dumps(sorted(record.kinds)[:KINDS_MAX]), "before": before}
    metadata = {"name": NAME, "namespace": record.namespace, "labels": {LABEL: record.cell}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def record_of(document: Document) -> Record:
    """Raises ObjectRefused where somebody damaged it."""
    namespace = document["metadata"]["namespace"]
    try:
        data = document["data"]
        kinds = frozenset((str(version), str(kind)) for version, kind in json.loads(data["kinds"]))
        return Record(
            data["cell"], namespace, data["state"], data["chart"], json.loads(data["values"]), kinds, json.loads(data.get("before", "{}"))
        )
    except (KeyError, ValueError, TypeError) as error:
        raise ObjectRefused(
            f"ConfigMap {NAME} in {namespace} is damaged ({error!r}); delete it and apply the cell with its values again"
        ) from error
