"""What a chart renders, as objects with names, in the order in which a cell comes to life."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import yaml

from control_plane.provision.kubernetes.errors import ChartRefused

CELL_LABEL = "waggle/applied"
"""On every object of a cell, with the cell's name: what carries it and is rendered no more is removed."""
DIGEST = "waggle/digest"
"""On a Job: what it was made from. A Job cannot be changed, so one with another digest is made again."""
HOOK = "helm.sh/hook"
HIBERNATION = "cnpg.io/hibernation"
"""On a Cluster of cloudnative-pg: `on` ends its instances and keeps their disks, as a retired cell's. Applied, it is awake."""

Document = dict[str, Any]


class Stage(IntEnum):
    """Each stage is ready before the next begins: a store before its migrations, migrations before what needs them."""

    GROUND = 0
    STORES = 1
    RUNS = 2
    PROCESSES = 3


STAGES = {
    "StatefulSet": Stage.STORES,
    "Cluster": Stage.STORES,
    "Job": Stage.RUNS,
    "Deployment": Stage.PROCESSES,
    "DaemonSet": Stage.PROCESSES,
    "HorizontalPodAutoscaler": Stage.PROCESSES,
}
FIRST = ("Namespace", "ResourceQuota", "LimitRange", "NetworkPolicy", "ServiceAccount", "ConfigMap", "Secret")
"""On the ground: limits and walls before anything that they bind."""


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """Names one object. `namespace` is empty where the kind has none."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Manifest:
    ref: Ref
    document: Document

    @property
    def stage(self) -> Stage:
        return STAGES.get(self.ref.kind, Stage.GROUND)


class _Loader(yaml.CSafeLoader):
    """YAML as Kubernetes reads it: what looks like a date is a string."""


def _text(loader: _Loader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _text)


def parse(text: str, cell: str, namespace: str) -> tuple[Manifest, ...]:
    """In order of application, each labelled with its cell; tests of the chart are left out. Raises ChartRefused."""
    try:
        documents = [document for document in yaml.load_all(text, _Loader) if document]
        manifests = [_manifest(document, cell, namespace) for document in documents if not _is_test(document)]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ChartRefused(f"the chart renders something that is not an object of Kubernetes: {error!r}") from error
    _require_once(manifests)
    return in_order(manifests)


def in_order(manifests: Iterable[Manifest]) -> tuple[Manifest, ...]:
    return tuple(sorted(manifests, key=lambda one: (one.stage, _rank(one.ref.kind), one.ref)))


def digest_of(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def _rank(kind: str) -> int:
    return FIRST.index(kind) if kind in FIRST else len(FIRST)


def _is_test(document: Document) -> bool:
    hooks = str((document["metadata"].get("annotations") or {}).get(HOOK, ""))
    return "test" in hooks.split(",")


def _manifest(document: Document, cell: str, namespace: str) -> Manifest:
    metadata = document["metadata"]
    if document["kind"] == "Job":
        metadata["annotations"] = {**(metadata.get("annotations") or {}), DIGEST: digest_of(document)}
    if document["kind"] == "Cluster":
        metadata["annotations"] = {HIBERNATION: "off", **(metadata.get("annotations") or {})}
    metadata["labels"] = {**(metadata.get("labels") or {}), CELL_LABEL: cell}
    ref = Ref(document["apiVersion"], document["kind"], metadata.get("namespace") or namespace, metadata["name"])
    return Manifest(ref, document)


def _require_once(manifests: Iterable[Manifest]) -> None:
    seen: set[Ref] = set()
    for one in manifests:
        if one.ref in seen:
            raise ChartRefused(f"the chart renders {one.ref} twice")
        seen.add(one.ref)
