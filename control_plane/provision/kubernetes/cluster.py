"""The API of a cluster in plain documents. Calls block, callers put them on threads; every one has a deadline."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from control_plane.provision.kubernetes.errors import KindUnknown
from control_plane.provision.kubernetes.manifests import Document, Manifest, Ref
from control_plane.provision.kubernetes.refusals import refusal, status_of

MANAGER = "waggle"
"""Our field manager: what it set and sets no more is removed by the server."""
PAGE_OBJECTS = 200
PAGES_MAX = 50


@dataclass(frozen=True, slots=True)
class Kind:
    path: str
    """`/apis/apps/v1` and the plural are known, so the address of any object is."""
    plural: str
    namespaced: bool


class Connection(Protocol):
    def call(self, method: str, path: str, doing: str, query: Mapping[str, str], body: Document | None, kind: str) -> tuple[int, bytes]:
        """One request; its answer's status and body. `doing` is for the error. Raises NoCluster."""


class Cluster:
    """One API server, as one user."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._call = connection.call
        self._kinds: dict[tuple[str, str], Kind] = {}
        self._groups: set[str] = set()

    def apply(self, manifest: Manifest, *, dry_run: bool = False) -> Document:
        """As it is then, or would be. Fields that others changed against our wish are ours again."""
        query = {"fieldManager": MANAGER, "force": "true", **({"dryRun": "All"} if dry_run else {})}
        act = f"{'try' if dry_run else 'apply'} {manifest.ref}"
        return self._require("PATCH", self._path(manifest.ref), act, query, manifest.document, "application/apply-patch+yaml")

    def create(self, manifest: Manifest) -> bool:
        """False where there is one already."""
        collection = self._path(manifest.ref).rpartition("/")[0]
        act = f"create {manifest.ref}"
        code, answer = self._call("POST", collection, act, {"fieldManager": MANAGER}, manifest.document, "application/json")
        if code >= 300 and code != 409:
            raise refusal(code, status_of(answer), act)
        return code != 409

    def get(self, ref: Ref) -> Document | None:
        return self._ask("GET", self._path(ref), f"read {ref}")

    def merge(self, ref: Ref, patch: Document) -> Document | None:
        """None where there is no such object."""
        query = {"fieldManager": MANAGER}
        return self._ask("PATCH", self._path(ref), f"change {ref}", query, patch, "application/merge-patch+json")

    def delete(self, ref: Ref) -> None:
        """What it owns goes with it. One that is not there is well."""
        self._ask("DELETE", self._path(ref), f"delete {ref}", {"propagationPolicy": "Background"})

    def list(self, api_version: str, kind: str, namespace: str, labels: str = "", fields: str = "") -> Iterator[Document]:
        """With an empty namespace: of all namespaces."""
        known = self.kind(api_version, kind)
        place = f"/namespaces/{quote(namespace)}" if namespace and known.namespaced else ""
        query = {
            "limit": str(PAGE_OBJECTS),
            **({"labelSelector": labels} if labels else {}),
            **({"fieldSelector": fields} if fields else {}),
        }
        for _ in range(PAGES_MAX):
            page = self._require("GET", f"{known.path}{place}/{known.plural}", f"list {known.plural}", query)
            yield from ({"apiVersion": api_version, "kind": kind, **item} for item in page["items"])
            if not (follows := page["metadata"].get("continue")):
                return
            query["continue"] = follows

    def kind(self, api_version: str, kind: str) -> Kind:
        """Raises KindUnknown where the cluster has none, as when an operator is not installed."""
        found = self._kinds.get((api_version, kind))
        if found is None and api_version not in self._groups:
            self._discover(api_version)
            found = self._kinds.get((api_version, kind))
        if found is None:
            raise KindUnknown(f"the cluster knows no {kind} of {api_version}{_hint(api_version)}")
        return found

    def ref(self, document: Mapping[str, Any]) -> Ref:
        metadata = document["metadata"]
        return Ref(document["apiVersion"], document["kind"], metadata.get("namespace", ""), metadata["name"])

    def _discover(self, api_version: str) -> None:
        path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        found = self._ask("GET", path, f"find out what {api_version} is") or {"resources": []}
        for one in found["resources"]:
            if "/" not in one["name"]:
                self._kinds[api_version, one["kind"]] = Kind(path, one["name"], one["namespaced"])
        self._groups.add(api_version)

    def _path(self, ref: Ref) -> str:
        known = self.kind(ref.api_version, ref.kind)
        place = f"/namespaces/{quote(ref.namespace)}" if known.namespaced else ""
        return f"{known.path}{place}/{known.plural}/{quote(ref.name)}"

    def _require(
        self, method: str, path: str, doing: str, query: Mapping[str, str], body: Document | None = None, kind: str = ""
    ) -> Document:
        found = self._ask(method, path, doing, query, body, kind)
        if found is None:
            raise refusal(404, {"message": f"{path} is not there"}, doing)
        return found

    def _ask(
        self, method: str, path: str, doing: str, query: Mapping[str, str] | None = None, body: Document | None = None, kind: str = ""
    ) -> Document | None:
        """None: not found. Raises the error that tells why else."""
        code, answer = self._call(method, path, doing, dict(query or {}), body, kind)
        if code == 404:
            return None
        if code >= 300:
            raise refusal(code, status_of(answer), doing)
        found: Document = json.loads(answer)
        return found


def _hint(api_version: str) -> str:
    """Whose kinds these are, for those that a chart may ask for."""
    group = api_version.partition("/")[0]
    owners = {
        "postgresql.cnpg.io": "the operator cloudnative-pg is not installed; install it, or choose another PostgreSQL in the values",
        "monitoring.coreos.com": "the Prometheus operator is not installed; install it, or switch monitoring off in the values",
        "cert-manager.io": "cert-manager is not installed; install it, or give certificates as Secrets in the values",
        "gateway.networking.k8s.io": "the Gateway API is not installed; install it, or choose a Service or Ingress in the values",
    }
    return f": {owners[group]}" if group in owners else ""
