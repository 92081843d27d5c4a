"""A tunnel request as an ASGI scope. Source: ASGI HTTP connection scope, version 2.4."""

from urllib.parse import unquote_to_bytes

from cells.runtime.workload import TENANT_KEY, Scope, Tenant
from protos.tunnel.v1 import tunnel_pb2

REQUEST_ID_KEY = "waggle.request_id"
_ASGI = {"version": "3.0", "spec_version": "2.4"}


def scope_of(request: tunnel_pb2.Request, tenant: Tenant) -> Scope:
    raw_path = request.path or b"/"
    return {
        "type": "http",
        "asgi": _ASGI,
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.scheme or "http",
        "path": _decoded(raw_path),
        "raw_path": raw_path,
        "query_string": request.query,
        "root_path": "",
        "headers": [(header.name, header.value) for header in request.headers],
        "client": (request.client, 0),
        "server": None,
        "state": {},
        TENANT_KEY: tenant,
        REQUEST_ID_KEY: request.request_id,
    }


def _decoded(raw_path: bytes) -> str:
    if b"%" in raw_path:
        raw_path = unquote_to_bytes(raw_path)
    return raw_path.decode("utf-8", "replace")
