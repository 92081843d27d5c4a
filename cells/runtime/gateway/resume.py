"""The state of a session outside the cell: signed with the workspace's secret, so any process of any cell that owns it can resume.

`<base64url of JSON>.<base64url of HMAC-SHA256>` over a fixed prefix, the workspace and the JSON; it is no secret, only unforgeable.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from cells.runtime.tenancy import TenantScope
from chassis.errors import WaggleError

_PURPOSE = b"waggle session state 1\0"


class StateRefused(WaggleError):
    """The state was not signed by this workspace, or is too old."""

    code = "session_expired"


@dataclass(frozen=True, slots=True)
class SessionState:
    user_id: str
    facts: Mapping[str, str]
    issued_at_us: int
    following: frozenset[str] = frozenset()
    subject: str = ""


def signed(state: SessionState, scope: TenantScope, secret: bytes) -> bytes:
    fields = {"u": state.user_id, "f": dict(state.facts), "i": state.issued_at_us, "g": sorted(state.following), "s": state.subject}
    body = msgspec.json.encode(fields)
    return base64.urlsafe_b64encode(body) + b"." + base64.urlsafe_b64encode(_signature(body, scope, secret))


def verified(text: bytes, scope: TenantScope, secret: bytes, now_us: int, age_s_max: float) -> SessionState:
    """Raises StateRefused."""
    body = _body(text, scope, secret)
    found = msgspec.json.decode(body)
    state = SessionState(found["u"], found["f"], found["i"], frozenset(found.get("g", ())), found.get("s", ""))
    if now_us - state.issued_at_us > age_s_max * 1_000_000:
        raise StateRefused("the session's state is too old")
    return state


def _body(text: bytes, scope: TenantScope, secret: bytes) -> bytes:
    try:
        body, signature = (base64.urlsafe_b64decode(part) for part in text.split(b"."))
    except ValueError as error:
        raise StateRefused("the session's state is malformed") from error
    if not hmac.compare_digest(signature, _signature(body, scope, secret)):
        raise StateRefused("the session's state is not this workspace's")
    return body


def _signature(body: bytes, scope: TenantScope, secret: bytes) -> bytes:
    return hmac.digest(secret, _PURPOSE + scope.workspace_id.encode() + b"\0" + body, hashlib.sha256)
