"""A request's headers, read once: what the edge itself needs, and what goes on to the cell."""

import random
import re
from collections.abc import Iterable
from typing import Any

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te", b"trailer",
     b"transfer-encoding", b"upgrade", b"http2-settings")
)  # fmt: skip
FORWARDING = frozenset((b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded", b"x-request-id"))
WANTED = frozenset(
    (b"host", b"authorization", b"content-type", b"content-length", b"origin", b"x-request-id", b"x-forwarded-for", b"expect",
     b"access-control-request-method")
)  # fmt: skip
_ids = random.Random()  # noqa: S311 - seeded by the system; an id is to be unique, not secret
DROPPED = HOP_BY_HOP | FORWARDING
NOT_PASSED_BACK = HOP_BY_HOP | {b"date", b"server", b"x-request-id"}


class Head:
    """`scope` is ASGI's; header names are lower case there."""

    __slots__ = ("client", "fields", "passed", "path", "query", "request_id")

    def __init__(self, scope: dict[str, Any], trusted: frozenset[str]) -> None:
        self.path: bytes = scope["raw_path"]
        self.query: bytes = scope["query_string"]
        self.fields: dict[bytes, bytes] = {}
        self.passed: list[tuple[bytes, bytes]] = []
        named: frozenset[bytes] = frozenset()
        for name, value in scope["headers"]:
            if name in WANTED:
                self.fields[name] = value
            if name == b"connection":
                named = _named_by_connection(value)
            if name not in DROPPED:
                self.passed.append((name, value))
        if named:
            self.passed = [header for header in self.passed if header[0] not in named]
        self.request_id = _request_id(self.fields.get(b"x-request-id"))
        self.client = _client(scope, self.fields, trusted)

    def get(self, name: bytes) -> bytes:
        return self.fields.get(name, b"")

    @property
    def accept(self) -> str:
        """All of it, though it came in several lines. Not among `fields`: hardly a request is answered by it."""
        return b",".join(value for name, value in self.passed if name == b"accept").decode("latin-1")

    @property
    def content_length(self) -> int | None:
        text = self.fields.get(b"content-length")
        return int(text) if text is not None and text.isdigit() else None


def _named_by_connection(value: bytes) -> frozenset[bytes]:
    """RFC 9110 section 7.6.1: headers that Connection names stay on this hop."""
    if value.lower() in (b"keep-alive", b"close", b"upgrade"):
        return frozenset()
    named = {token.strip().lower() for token in value.split(b",")}
    return frozenset(named - {b"host", b"authorization", b"content-type", b"content-length"})


def _request_id(given: bytes | None) -> str:
    if given is not None and REQUEST_ID.fullmatch(given):
        return given.decode("ascii")
    return f"{_ids.getrandbits(64):016x}"


def _client(scope: dict[str, Any], fields: dict[bytes, bytes], trusted: frozenset[str]) -> str:
    peer = scope["client"]
    address: str = peer[0] if peer else ""
    if address in trusted and b"x-forwarded-for" in fields:
        return fields[b"x-forwarded-for"].rpartition(b",")[2].strip().decode("latin-1")[:64]
    return address


def reply_headers(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """A cell's headers as they go to the client; hop-by-hop ones are dropped, the server's own are Hypercorn's to set."""
    return [h for h in headers if h[0] not in NOT_PASSED_BACK]
