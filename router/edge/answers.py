"""What the edge says itself: Slack-shaped, in JSON, never a redirect."""

from dataclasses import dataclass

import msgspec

Headers = list[tuple[bytes, bytes]]
JSON = (b"content-type", b"application/json; charset=utf-8")
SCOPES = ((b"x-oauth-scopes", b""), (b"x-accepted-oauth-scopes", b""))
"""Clients look for them on every answer; no token was looked at here."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = (JSON, *SCOPES)


def refusal(status: int, error: str, retry_after_s: int = 0, *, close: bool = False) -> Answer:
    """`{"ok": false, "error": …}`; `close` also ends the connection."""
    headers = [JSON, *SCOPES]
    if retry_after_s:
        headers.append((b"retry-after", b"%d" % retry_after_s))
    if close:
        headers.append((b"connection", b"close"))
    return Answer(status, msgspec.json.encode({"ok": False, "error": error}), tuple(headers))


OK = Answer(200, b'{"ok":true}')
NOT_AUTHED = refusal(200, "not_authed")
UNKNOWN_METHOD = refusal(200, "unknown_method")
INVALID_AUTH = refusal(200, "invalid_auth")
UNAUTHORIZED = refusal(401, "invalid_auth")
TEAM_NOT_FOUND = refusal(404, "team_not_found")
NOT_FOUND = refusal(404, "not_found")
SWITCHED_OFF = refusal(200, "service_unavailable")
UNAVAILABLE = refusal(503, "service_unavailable", 1)
INTERNAL = refusal(500, "internal_error")
DEADLINE = refusal(504, "request_timeout")
TOO_LARGE = refusal(413, "request_too_large", close=True)
TOO_SLOW = refusal(408, "request_timeout", close=True)


def ratelimited(retry_after_s: int) -> Answer:
    return refusal(429, "ratelimited", retry_after_s)


EXPOSED = b"x-request-id, retry-after, x-oauth-scopes, x-accepted-oauth-scopes, etag, content-range, content-disposition, accept-ranges"


class Cors:
    """Browsers may call: credentials are tokens in headers, never cookies, so any page may that was given one."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._any = "*" in origins
        self._origins = frozenset(origin.encode("latin-1") for origin in origins)

    def headers(self, origin: bytes) -> Headers:
        """For the answer to a request from a page at `origin`; empty when it may not read it."""
        if self._any:
            allowed: Headers = [(b"access-control-allow-origin", b"*")]
        elif origin in self._origins:
            allowed = [(b"access-control-allow-origin", origin), (b"vary", b"origin")]
        else:
            return []
        return [
            *allowed,
            (
                b"access-control-expose-headers",
                EXPOSED,
            ),
        ]


PREFLIGHT = Answer(
    204,
    b"",
    (
        (b"access-control-allow-methods", b"GET, POST, PUT, DELETE, OPTIONS"),
        (
            b"access-control-allow-headers",
            b"authorization, content-type, x-request-id, traceparent, tracestate, x-slack-retry-num, range, if-range, if-none-match",
        ),
        (b"access-control-max-age", b"86400"),
    ),
)
