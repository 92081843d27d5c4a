"""What is thrown at every method: arguments of its own struct with live, foreign and absurd values; bodies that are none."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
from hypothesis import strategies as st

from cells.chat.slack.registry import FORM, JSON, MULTIPART, Method

BOUNDED = 20
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=BOUNDED)
    | st.sampled_from(
        ["99999999999.999999", "U0000000000", "C0000000000", "#general", "=", "dXNlcjpVMQ==", "\ud800", "a\x00", "-", "[]", "{}"]
    )
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=8
)


def arguments_of(method: Method, live: dict[str, list[str]]) -> st.SearchStrategy[dict[str, Any]]:
    """Every argument of the method, often one that is right here, sometimes of another workspace; required ones mostly given."""
    fields = {field.name: field.required for field in msgspec.structs.fields(method.arguments)}
    anything = st.sampled_from([value for values in live.values() for value in values])

    def value(name: str) -> st.SearchStrategy[Any]:
        known = st.sampled_from(live[name]) if name in live else anything
        return known | known | VALUES

    required = {name: value(name) for name, needed in fields.items() if needed}
    optional = {name: value(name) for name, needed in fields.items() if not needed}
    return st.fixed_dictionaries(required, optional=optional) | st.fixed_dictionaries({}, optional={**required, **optional})


def multipart(fields: dict[str, Any]) -> tuple[bytes, str]:
    """A body and its content type; bytes go as a file."""
    body = b""
    for name, value in fields.items():
        file = '; filename="a.bin"' if isinstance(value, bytes) else ""
        held = value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
        body += f'--x\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + held + b"\r\n"
    return body + b"--x--\r\n", f"{MULTIPART}; boundary=x"


def bodies() -> Iterator[tuple[str | None, bytes]]:
    """Content type and bytes; none of them is a request."""
    deep = b"[" * 50_000
    for broken in (
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"1",
        b"\xff\xfe",
        b'{"channel": \xff}',
        deep,
        b'{"a":' * 30_000,
        b"NaN",
        b'{"a":1}{"b":2}',
    ):
        yield JSON, broken
    yield JSON, json.dumps({"channel": {"channel": {"channel": []}}, "text": [[[]]], "blocks": "[" * 1_000}).encode()
    yield JSON, json.dumps({f"field{number}": number for number in range(10_000)}).encode()
    yield JSON, json.dumps({"text": "x" * 900_000, "channel": "x" * 100_000}).encode()
    yield f"{JSON}; charset=utf-16", '{"text": "x"}'.encode("utf-16")
    for broken in (b"&" * 10_000, b"%", b"%zz=%zz", b"=" * 300, b"channel=%00&text=%ff", b"a&" * 300, b"channel[]=1&channel[a]=2"):
        yield FORM, broken
    for label in (MULTIPART, f"{MULTIPART}; boundary=", f"{MULTIPART}; boundary={'x' * 300}", f"{MULTIPART}; boundary=x"):
        yield label, b"--x\r\n\r\n--x--"
        yield label, b'--x\r\nContent-Disposition: form-data; name="channel"\r\n\r\nC1'
        yield label, b"--x\r\n" + b"A: b\r\n" * 1_000 + b"\r\n--x--\r\n"
    yield (
        f"{MULTIPART}; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="../../etc/passwd"\r\n\r\n\x00\r\n--x--\r\n',
    )
    for other in ("text/plain", "application/xml", "application/json-patch+json", "image/png", "", "/", "x" * 500, None):
        yield other, b"<x/>"
