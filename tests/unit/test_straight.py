"""What the edge reads and answers by itself is what h11 would have read, and what h11 can read."""

from typing import Any

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.edge.reply import MalformedAnswer, StraightReply, fail
from router.edge.straight import read_request

HEAD = b"POST /api/api.test?a=%31 HTTP/1.1\r\nHost: acme.localhost\r\n"
PLAIN = HEAD + b"Content-Length: 2\r\nX-Long:  a \t b \r\n\r\n{}"

pytestmark = pytest.mark.anyio


def read_by_h11(data: bytes) -> tuple[bytes, bytes, list[tuple[bytes, bytes]], bytes]:
    """Raises h11.RemoteProtocolError. All of `data` must be one request."""
    parser = h11.Connection(h11.SERVER)
    parser.receive_data(data)
    request, body = parser.next_event(), b""
    assert isinstance(request, h11.Request)
    while isinstance(event := parser.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert parser.trailing_data[0] == b""
    return request.method, request.target, list(request.headers), body


def test_plain_request_is_read_as_h11_reads_it() -> None:
    asked = read_request(PLAIN)
    assert asked is not None
    assert (asked.method.encode(), asked.target, asked.headers, asked.body) == read_by_h11(PLAIN)
    scope = asked.scope("http", ("127.0.0.1", 1), None)
    assert (scope["raw_path"], scope["query_string"]) == (b"/api/api.test", b"a=%31")


@pytest.mark.parametrize(
    "odd",
    [
        PLAIN[:-1],
        PLAIN + b"GET / HTTP/1.1\r\n\r\n",
        PLAIN.replace(b"Content-Length: 2", b"Content-Length: 2\r\nContent-Length: 2"),
        PLAIN.replace(b"Content-Length: 2", b"Content-Length: +2"),
        PLAIN.replace(b"Content-Length: 2", b"Content-Length : 2"),
        PLAIN.replace(b"Content-Length: 2", b"Transfer-Encoding: chunked"),
        PLAIN.replace(b"X-Long:", b"Transfer-Encoding: chunked\r\nX-Long:"),
        PLAIN.replace(b"X-Long:", b"Connection: close\r\nX-Long:"),
        PLAIN.replace(b"X-Long:", b"Connection: Upgrade\r\nUpgrade: websocket\r\nX-Long:"),
        PLAIN.replace(b"X-Long:", b"Expect: 100-continue\r\nX-Long:"),
        PLAIN.replace(b"X-Long:", b"Host: other\r\nX-Long:"),
        PLAIN.replace(b"Host: acme.localhost\r\n", b""),
        PLAIN.replace(b" a \t b ", b"a\r\n folded"),
        PLAIN.replace(b" a \t b ", b"a\nB: c"),
        PLAIN.replace(b" a \t b ", b"a\rB: c"),
        PLAIN.replace(b" a \t b ", b"a\0b"),
        PLAIN.replace(b"X-Long", b"X Long"),
        PLAIN.replace(b"X-Long", b""),
        PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"),
        PLAIN.replace(b"/api/", b"http://other/api/"),
        PLAIN.replace(b"POST", b"HEAD"),
        b"\r\n" + PLAIN,
        HEAD + b"X: " + b"a" * 9000 + b"\r\n\r\n",
        b"",
    ],
)
def test_whatever_is_not_plain_is_left_to_the_parser(odd: bytes) -> None:
    assert read_request(odd) is None


_WORDS = b"GET POST / /a?b HTTP/1.1 : Host h Content-Length 0 1 2 02 Transfer-Encoding chunked Connection keep-alive close , x".split()
PIECES = st.sampled_from([*_WORDS, b" ", b"\r\n", b"\r", b"\n", b"\t", b"\x00", b"\x80", b"\x0b"])


@given(st.lists(PIECES, max_size=12), st.integers(0, len(PLAIN)), st.integers(0, 4))
def test_it_never_reads_what_h11_would_read_otherwise(pieces: list[bytes], at: int, cut: int) -> None:
    data = PLAIN[:at] + b"".join(pieces) + PLAIN[at + cut :]
    asked = read_request(data)
    if asked is not None:
        assert (asked.method.encode(), asked.target, asked.headers, asked.body) == read_by_h11(data)


async def written(*messages: dict[str, Any]) -> tuple[bytes, StraightReply]:
    parts: list[bytes] = []

    async def write(data: bytes) -> None:
        parts.append(data)

    reply = StraightReply(write)
    try:
        for message in messages:
            await reply.send(message)
    except MalformedAnswer:
        await fail(reply)
    return b"".join(parts), reply


def start(status: int, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(data: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


def read_answer(data: bytes) -> tuple[int, bytes]:
    parser = h11.Connection(h11.CLIENT)
    parser.send(h11.Request(method="GET", target="/", headers=[("host", "h")]))
    parser.send(h11.EndOfMessage())
    parser.receive_data(data)
    response, found = parser.next_event(), b""
    assert isinstance(response, h11.Response)
    while isinstance(event := parser.next_event(), h11.Data):
        found += event.data
    assert isinstance(event, h11.EndOfMessage)
    return response.status_code, found


async def test_answers_are_what_a_client_reads() -> None:
    whole, _ = await written(start(200, (b"content-length", b"2")), body(b"{}"))
    assert read_answer(whole) == (200, b"{}")
    assert b"\r\ndate: " in whole
    chunked, _ = await written(start(200), body(b"ab", more=True), body(b"", more=True), body(b"c"))
    assert read_answer(chunked) == (200, b"abc")
    empty, _ = await written(start(204), body(b""))
    assert read_answer(empty) == (204, b"")


@pytest.mark.parametrize(
    "messages",
    [
        (start(200, (b"x", b"a\r\nset-cookie: b")), body(b"")),
        (start(200, (b"x: y\r\nz", b"a")), body(b"")),
        (start(200, (b"content-length", b"1")), body(b"too long")),
        (start(200, (b"content-length", b"9")), body(b"short")),
        (start(200, (b"content-length", b"2"), (b"content-length", b"2")), body(b"{}")),
        (start(200, (b"transfer-encoding", b"chunked")), body(b"0\r\n\r\n")),
        (body(b"before its head"),),
    ],
)
async def test_answers_that_would_split_are_a_failure(messages: tuple[dict[str, Any], ...]) -> None:
    data, _ = await written(*messages)
    assert read_answer(data) == (500, b"")


async def test_an_answer_cut_short_is_not_ended() -> None:
    data, reply = await written(start(200, (b"content-length", b"4")), body(b"ab", more=True))
    assert reply.started
    assert not reply.ended
    assert data.endswith(b"ab")
