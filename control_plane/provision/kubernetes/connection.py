"""How a cluster is reached. The only importer of the `kubernetes` client: kubeconfig, credentials and TLS are its business."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from control_plane.provision.errors import ProvisionError
from control_plane.provision.kubernetes.cluster import Cluster
from control_plane.provision.kubernetes.errors import NoCluster, line_of
from control_plane.provision.kubernetes.manifests import Document

if TYPE_CHECKING:
    from kubernetes.client.api_client import ApiClient

APPLY = "application/apply-patch+yaml"
"""The client writes JSON by itself for all other kinds of bodies. JSON is YAML."""
CALL_S_MAX = 30.0
CONNECT_TRIES = 2


class ClientConnection:
    """One API server, as one user."""

    def __init__(self, client: "ApiClient") -> None:
        self._client = client

    def call(self, method: str, path: str, doing: str, query: Mapping[str, str], body: Document | None, kind: str) -> tuple[int, bytes]:
        """One request and its answer. Raises NoCluster where none comes."""
        headers = {"Accept": "application/json", **({"Content-Type": kind} if kind else {})}
        with _reached(doing):
            asked = self._client.param_serialize(
                method, path, query_params=list(query.items()), header_params=headers, auth_settings=["BearerToken"]
            )
            sent = json.dumps(body) if kind == APPLY else body
            answer = self._client.call_api(asked[0], asked[1], asked[2], sent, _request_timeout=CALL_S_MAX)
            return int(answer.status), bytes(answer.read())  # type: ignore[no-untyped-call]


def connect(kubeconfig: Path | None = None, context: str = "") -> Cluster:
    """From `kubeconfig`, else $KUBECONFIG, else ~/.kube/config, else the service account of this pod. Raises NoCluster, ProvisionError."""
    try:
        from kubernetes import client, config
    except ImportError:
        raise ProvisionError("cells on a cluster need the package `kubernetes`: pip install 'waggle[kubernetes]'") from None

    settings = client.Configuration()
    settings.retries = CONNECT_TRIES - 1
    try:
        _configure(config, settings, kubeconfig, context)
    except (config.ConfigException, OSError, ValueError) as error:
        raise NoCluster(f"no cluster is configured: {line_of(error)}; give --kubeconfig and --context, or set KUBECONFIG") from error
    return Cluster(ClientConnection(client.ApiClient(settings)))


def _configure(config: Any, settings: Any, kubeconfig: Path | None, context: str) -> None:
    """A pod has a service account and no kubeconfig. The client reads KUBECONFIG when it is imported; we read it now."""
    files = str(kubeconfig or os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    try:
        config.load_kube_config(files, context or None, client_configuration=settings)
    except config.ConfigException:
        if kubeconfig or context or "KUBERNETES_SERVICE_HOST" not in os.environ:
            raise
        config.load_incluster_config(client_configuration=settings)


@contextmanager
def _reached(doing: str) -> Iterator[None]:
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (HTTPError, ApiException, OSError) as error:
        cause = getattr(error, "reason", None) or error
        raise NoCluster(f"no cluster answers (while trying to {doing}): {line_of(cause)}") from error
