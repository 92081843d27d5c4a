"""The usual HTTP/1.1 request, read and answered without Hypercorn's machinery: whole in one read, and spelled in the one plain way.

Whatever is longer, older, odd or wrong is None here and Hypercorn's to judge, so this can only be stricter (RFC 9112 sections 2-6).
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

WHOLE = "waggle.whole"
"""In `scope["extensions"]`: the whole body, where it is here already."""
HEAD_BYTES_MAX = 8 << 10
NAMES_MAX = 512

Headers = list[tuple[bytes, bytes]]
Scope = dict[str, Any]

_LINE = re.compile(rb"(GET|POST|PUT|DELETE) (/[!-~]*) HTTP/1\.1")
_ODD = re.compile(rb"[^\t\r\n -~\x80-\xff]")
_NAME = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]{1,64}")
_LENGTH = re.compile(rb"[0-9]{1,8}")
_NOT_HERE = frozenset((b"transfer-encoding", b"upgrade", b"expect", b"http2-settings", b"te", b"trailer"))
_ASGI = {"spec_version": "2.1", "version": "3.0"}


@dataclass(slots=True, eq=False)  # not frozen: that costs 1.4 us a request instead of 0.3
class Asked:
    method: str
    target: bytes
    headers: Headers
    """Names in lower case, in the order they came."""
    body: bytes

    def scope(self, scheme: str, client: Any, server: Any) -> Scope:
        """ASGI HTTP connection scope, and the body beside it."""
        path, _, query = self.target.partition(b"?")
        return {
            "type": "http",
            "asgi": _ASGI,
            "http_version": "1.1",
            "method": self.method,
            "scheme": scheme,
            "path": unquote(path.decode("ascii")),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": self.headers,
            "client": client,
            "server": server,
            "state": {},
            "extensions": {WHOLE: self.body},
        }

    async def receive(self) -> dict[str, Any]:
        """ASGI's `receive`. The app has the body at once; that the client leaves is seen when it is answered."""
        return {"type": "http.request", "body": self.body, "more_body": False}


class _Names:
    """Header names as they are spelled -> in lower case; only well-formed ones, and few enough to be kept."""

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}

    def get(self, spelled: bytes) -> bytes | None:
        """None where it is no token (RFC 9110 section 5.6.2)."""
        name = self._known.get(spelled)
        if name is None and _NAME.fullmatch(spelled):
            name = spelled.lower()
            if len(self._known) < NAMES_MAX:
                self._known[spelled] = name
        return name


NAMES = _Names()


def read_request(data: bytes) -> Asked | None:
    """The request, where `data` is exactly one whole request of the plain kind."""
    end = data.find(b"\r\n\r\n", 0, HEAD_BYTES_MAX)
    if end < 0:
        return None
    head = data[:end]
    lines = head.split(b"\r\n")
    if _ODD.search(head) or head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1:
        return None
    line = _LINE.fullmatch(lines[0])
    headers = _headers(lines)
    if line is None or headers is None or _length(headers) != len(data) - end - 4:
        return None
    return Asked(line[1].decode("ascii"), line[2], headers, data[end + 4 :])


def _headers(lines: list[bytes]) -> Headers | None:
    headers: Headers = []
    known = NAMES.get
    for line in lines[1:]:
        spelled, colon, value = line.partition(b":")
        name = known(spelled)
        if name is None or not colon or name in _NOT_HERE:
            return None
        value = value.strip(b" \t")
        if name == b"connection" and value.lower() != b"keep-alive":
            return None
        headers.append((name, value))
    return headers


def _length(headers: Headers) -> int | None:
    """Of the body; None where it, or the one Host there must be, is missing, doubled or no number."""
    hosts, length = 0, None
    for name, value in headers:
        if name == b"host":
            hosts += 1
        elif name == b"content-length":
            if length is not None or not _LENGTH.fullmatch(value):
                return None
            length = int(value)
    return (length or 0) if hosts == 1 else None
