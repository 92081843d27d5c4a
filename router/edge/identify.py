"""Which workspace a request is for, read from the request alone: no database, no secret is checked here.

A path that names a workspace by id (`/rtm/T…`, `/services/T…`, `/files/T…`) wins, then the token (header, query, body), then the Host
(`acme.<domain>`), then the path `/w/acme/…`, whose prefix is taken off in any case. The cell checks the token; the edge only routes by it.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

import msgspec

from chassis.identity import WorkspaceId, is_workspace_id, workspace_of_token

TOKEN_BYTES_MAX = 512
HOST_BYTES_MAX = 253 + len(":65535")
"""The longest DNS name (RFC 1035), and a port."""
FIELD = re.compile(rb"(?:^|&)token=([^&]*)")
MULTIPART_FIELD = re.compile(rb'[; ]name="?token"?\r\n(?:[^\r\n]{1,256}\r\n){0,8}\r\n([^\r\n]{1,512})\r\n--')
NAME = re.compile(rb"/w/([a-z0-9-]{1,63})(/.*)?", re.DOTALL)
LABEL = re.compile(r"[a-z0-9-]{1,63}")
BY_ID = (b"/rtm/", b"/services/", b"/files/")


@dataclass(frozen=True, slots=True)
class Address:
    """What the path and the Host say."""

    path: bytes
    """Raw, without `/w/NAME`; starts with a slash."""
    subdomain: str | None
    workspace_id: WorkspaceId | None


class _Json(msgspec.Struct):
    token: object = None


_json = msgspec.json.Decoder(_Json)


def address_of(raw_path: bytes, host: bytes, domain: str) -> Address:
    if raw_path.startswith(b"/api/"):
        return Address(raw_path, subdomain_of(host, domain), None)
    named = NAME.fullmatch(raw_path) if raw_path.startswith(b"/w/") else None
    path = raw_path if named is None else named[2] or b"/"
    by_host = subdomain_of(host, domain)
    by_path = None if named is None else named[1].decode("ascii")
    return Address(path, by_host or by_path, workspace_in(path))


def workspace_in(path: bytes) -> WorkspaceId | None:
    """The id in `/rtm/T…/…` and its like."""
    if not path.startswith(BY_ID):
        return None
    text = path.split(b"/", 3)[2].decode("latin-1")
    return WorkspaceId(text) if is_workspace_id(text) else None


def subdomain_of(host: bytes, domain: str) -> str | None:
    """`acme` in `acme.<domain>` or `acme.<domain>:port`; None for the domain itself and for hosts elsewhere."""
    return _subdomain_of(host, domain) if len(host) <= HOST_BYTES_MAX else None


@lru_cache(maxsize=4096)
def _subdomain_of(host: bytes, domain: str) -> str | None:
    name = host.decode("latin-1").lower()
    bare = name[: name.rfind(":")] if ":" in name and not name.endswith("]") else name
    label = bare.removesuffix("." + domain)
    return label if label != bare and LABEL.fullmatch(label) else None


def token_in_header(authorization: bytes) -> str | None:
    """The token of `Authorization: Bearer …`; None for other schemes (Basic belongs to the workload)."""
    scheme, _, token = authorization.partition(b" ")
    return _text(token.strip()) if scheme.lower() == b"bearer" else None


def token_in_query(query: bytes) -> str | None:
    return _field(query) if b"token=" in query else None


def token_in_body(content_type: bytes, body: bytes) -> str | None:
    """The field `token` of a form, a JSON object, or multipart (whose first bytes are enough)."""
    if b"token" not in body:
        return None
    kind = content_type.partition(b";")[0].strip().lower()
    if kind == b"application/json":
        return _json_field(body)
    if kind == b"multipart/form-data":
        found = MULTIPART_FIELD.search(body)
        return None if found is None else _text(found[1])
    return _field(body)


def _field(pairs: bytes) -> str | None:
    found = FIELD.search(pairs)
    return None if found is None else _text(unquote_to_bytes(found[1].replace(b"+", b" ")))


def _json_field(body: bytes) -> str | None:
    try:
        token = _json.decode(body).token
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return token if isinstance(token, str) and 0 < len(token) <= TOKEN_BYTES_MAX else None


def _text(token: bytes) -> str | None:
    return token.decode("latin-1") if 0 < len(token) <= TOKEN_BYTES_MAX else None


def workspace_of(token: str) -> WorkspaceId | None:
    """None where the token's shape is none of ours: `invalid_auth`."""
    return workspace_of_token(token)
