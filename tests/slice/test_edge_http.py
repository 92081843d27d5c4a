"""HTTP at the real edge, over real sockets."""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import httpx
import pytest

from protos.tunnel.v1 import tunnel_pb2
from router.edge.http import HttpSettings
from router.edge.limits import Rate
from router.forward import CellUnavailable, DeadlineExceeded, HoldTimeout, Overloaded, Refused, Reply
from tests.harness.edge import STRANGER, TOKEN, WORKSPACE, Edge, an_edge

pytestmark = pytest.mark.anyio
BEARER = {"authorization": f"Bearer {TOKEN}"}


class InChunks:
    """A large body."""

    def __init__(self, chunks: AsyncGenerator[bytes, None]) -> None:
        self._chunks = chunks

    def __aiter__(self) -> "InChunks":
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._chunks)

    async def aclose(self) -> None:
        await self._chunks.aclose()


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    async with an_edge() as served:
        yield served


@pytest.fixture
async def client(edge: Edge) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=edge.url) as session:
        yield session


async def test_request_reaches_the_cell_whole(edge: Edge, client: httpx.AsyncClient) -> None:
    sent = BEARER | {"x-request-id": "abc-1", "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01", "te": "trailers", "x-hop": "1"}
    sent["connection"] = "keep-alive, x-hop"
    answer = await client.post("/api/chat.postMessage?pretty=1", data={"channel": "C1", "text": "hi"}, headers=sent)
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert answer.headers["x-request-id"] == "abc-1"
    (request,) = edge.forwarder.requests
    assert (request.workspace_id, request.epoch, request.method) == (WORKSPACE, 3, "POST")
    assert (request.path, request.query, request.body) == (b"/api/chat.postMessage", b"pretty=1", b"channel=C1&text=hi")
    assert (request.scheme, request.client, request.request_id, request.deadline_ms) == ("http", "127.0.0.1", "abc-1", 30_000)
    headers = {h.name: h.value for h in request.headers}
    assert headers[b"traceparent"].startswith(b"00-aaa")
    assert headers[b"x-forwarded-for"] == b"127.0.0.1"
    assert not headers.keys() & {b"te", b"connection", b"x-hop"}


@pytest.mark.parametrize(
    "asked",
    [
        {"headers": BEARER},
        {"params": {"token": TOKEN}},
        {"data": {"token": TOKEN}},
        {"json": {"token": TOKEN}},
        {"data": {"token": TOKEN}, "files": {"body": b"x"}},
        {"headers": {"host": "acme.localhost"}},
    ],
)
async def test_workspace_is_found(edge: Edge, client: httpx.AsyncClient, asked: dict[str, object]) -> None:
    answer = await client.post("/api/auth.test", **asked)  # type: ignore[arg-type]
    assert answer.json() == {"ok": True}
    assert edge.forwarder.requests[0].workspace_id == WORKSPACE


async def test_workspace_is_found_in_the_path(edge: Edge, client: httpx.AsyncClient) -> None:
    assert (await client.get("/w/acme/api/auth.test")).json() == {"ok": True}
    assert edge.forwarder.requests[0].path == b"/api/auth.test"
    assert (await client.post(f"/services/{WORKSPACE}/B1/x", content=b"{}")).status_code == 200
    assert edge.forwarder.requests[1].path == f"/services/{WORKSPACE}/B1/x".encode()


@pytest.mark.parametrize(
    ("path", "headers", "status", "error"),
    [
        ("/api/auth.test", {}, 200, "not_authed"),
        ("/api/auth.test", {"authorization": "Bearer nonsense"}, 200, "invalid_auth"),
        ("/api/oauth.v2.access", {"authorization": "Basic eDp5"}, 200, "unknown_method"),
        ("/api/auth.test", {"host": "unknown.localhost"}, 503, "service_unavailable"),  # the control plane cannot be asked
        ("/w/unknown/api/auth.test", {}, 503, "service_unavailable"),
        ("/api/auth.test", {"authorization": f"Bearer {STRANGER}"}, 503, "service_unavailable"),
        ("/", {}, 404, "not_found"),
        ("/rtm/nonsense", {}, 404, "not_found"),
    ],
)
async def test_refused_at_the_edge(
    edge: Edge, client: httpx.AsyncClient, path: str, headers: dict[str, str], status: int, error: str
) -> None:
    answer = await client.post(path, headers=headers)
    assert (answer.status_code, answer.json()) == (status, {"ok": False, "error": error})
    assert answer.headers["x-oauth-scopes"] == answer.headers["x-accepted-oauth-scopes"] == ""
    assert edge.forwarder.requests == []


async def test_the_list_of_methods_is_asked_of_any_cell(edge: Edge, client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/_methods")).json() == {"ok": True}
    assert (edge.forwarder.requests[0].workspace_id, edge.forwarder.requests[0].path) == (WORKSPACE, b"/api/_methods")


async def test_api_test_is_answered_without_a_cell(edge: Edge, client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/api.test?foo=bar")).json() == {"ok": True, "args": {"foo": "bar"}}
    assert (await client.post("/api/api.test", data={"error": "e1"})).json() == {"ok": False, "error": "e1", "args": {"error": "e1"}}
    assert (await client.post("/api/api.test", json={"a": 1})).json() == {"ok": True, "args": {"a": 1}}
    headers = {"content-type": "application/json"}
    assert (await client.post("/api/api.test", content=b"{", headers=headers)).json() == {"ok": False, "error": "invalid_json"}
    assert (await client.post("/api/api.test", content=b"", headers=headers)).json() == {"ok": True, "args": {}}
    assert edge.forwarder.requests == []


@pytest.mark.parametrize(
    ("error", "status", "word", "retry_after"),
    [
        (CellUnavailable("cell-1", "gone"), 503, "service_unavailable", "1"),
        (HoldTimeout(WORKSPACE, "frozen"), 503, "service_unavailable", "1"),
        (Overloaded("cell-1", 2500), 429, "ratelimited", "3"),
        (DeadlineExceeded("cell-1"), 504, "request_timeout", None),
        (Refused(403, "suspended"), 200, "account_inactive", None),
        (Refused(404, "not_mine"), 404, "team_not_found", None),
        (RuntimeError("boom"), 500, "internal_error", None),
    ],
)
async def test_what_the_cell_cannot_do(
    edge: Edge, client: httpx.AsyncClient, error: Exception, status: int, word: str, retry_after: str | None
) -> None:
    async def answering(request: tunnel_pb2.Request, body: bytes) -> Reply:
        raise error

    edge.forwarder.answering = answering
    answer = await client.post("/api/auth.test", headers=BEARER)
    assert (answer.status_code, answer.json()) == (status, {"ok": False, "error": word})
    assert answer.headers.get("retry-after") == retry_after
    assert "boom" not in answer.text


async def test_reply_comes_back_without_hop_by_hop_headers(edge: Edge, client: httpx.AsyncClient) -> None:
    async def answering(request: tunnel_pb2.Request, body: bytes) -> Reply:
        headers = [(b"content-type", b"text/plain"), (b"x-oauth-scopes", b"chat:write"), (b"connection", b"close"), (b"server", b"x")]
        return Reply(418, headers, b"tea")

    edge.forwarder.answering = answering
    answer = await client.get("/api/x", headers=BEARER)
    assert (answer.status_code, answer.text, answer.headers["content-length"]) == (418, "tea", "3")
    assert answer.headers["x-oauth-scopes"] == "chat:write"
    assert "server" not in answer.headers
    assert "connection" not in answer.headers
    assert answer.headers["x-request-id"]


async def test_large_reply_is_streamed(edge: Edge, client: httpx.AsyncClient) -> None:
    chunks = [bytes((n,)) * 65_536 for n in range(20)]

    async def answering(request: tunnel_pb2.Request, body: bytes) -> Reply:
        async def rest() -> AsyncGenerator[bytes, None]:
            for chunk in chunks:
                yield chunk

        return Reply(200, [(b"content-length", b"%d" % (20 * 65_536))], b"", InChunks(rest()))

    edge.forwarder.answering = answering
    assert (await client.get(f"/files/{WORKSPACE}/F1", headers=BEARER)).content == b"".join(chunks)


async def test_reply_cut_short_is_not_taken_for_whole(edge: Edge, client: httpx.AsyncClient) -> None:
    async def answering(request: tunnel_pb2.Request, body: bytes) -> Reply:
        async def rest() -> AsyncGenerator[bytes, None]:
            yield b"some"
            raise CellUnavailable("cell-1", "gone")

        return Reply(200, [], b"", InChunks(rest()))

    edge.forwarder.answering = answering
    with pytest.raises(httpx.RemoteProtocolError):
        await client.get(f"/files/{WORKSPACE}/F1", headers=BEARER)


async def test_large_upload_is_carried(edge: Edge, client: httpx.AsyncClient) -> None:
    body = b"x" * (2 << 20)
    assert (await client.post(f"/files/{WORKSPACE}/F1", content=body)).json() == {"ok": True}
    assert edge.forwarder.carried == [body]


async def test_large_multipart_api_call_is_routed_by_its_first_field(edge: Edge, client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/files.upload", data={"token": TOKEN}, files={"file": b"x" * (512 << 10)})
    assert answer.json() == {"ok": True}
    assert edge.forwarder.requests[0].workspace_id == WORKSPACE
    assert len(edge.forwarder.carried[0]) > 512 << 10


async def test_body_over_the_limit(edge: Edge, client: httpx.AsyncClient) -> None:
    async def chunked() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 65_536

    for content in (b"x" * ((1 << 20) + 1), chunked()):
        async with httpx.AsyncClient(base_url=edge.url) as fresh:
            answer = await fresh.post("/api/chat.postMessage", content=content, headers=BEARER)
        assert (answer.status_code, answer.json()) == (413, {"ok": False, "error": "request_too_large"})
    assert len(edge.forwarder.carried) == 0
    assert (await client.post("/api/auth.test", headers=BEARER)).json() == {"ok": True}


async def test_browser_may_call(client: httpx.AsyncClient) -> None:
    page = {"origin": "https://app.example"}
    answer = await client.options("/api/chat.postMessage", headers=page | {"access-control-request-method": "POST"})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "authorization" in answer.headers["access-control-allow-headers"]
    answer = await client.post("/api/auth.test", headers=page | BEARER)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in (await client.post("/api/auth.test", headers=BEARER)).headers


async def test_only_named_pages_may_call() -> None:
    async with an_edge(http=HttpSettings(cors_origins=("https://a.example",))) as edge, httpx.AsyncClient(base_url=edge.url) as client:
        allowed = await client.post("/api/auth.test", headers=BEARER | {"origin": "https://a.example"})
        assert allowed.headers["access-control-allow-origin"] == "https://a.example"
        other = await client.post("/api/auth.test", headers=BEARER | {"origin": "https://b.example"})
        assert "access-control-allow-origin" not in other.headers


async def test_rate_limit_of_an_address() -> None:
    async with an_edge(address=Rate(0.1, 3)) as edge, httpx.AsyncClient(base_url=edge.url) as client:
        answers = [await client.post("/api/auth.test", headers=BEARER) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[3].json() == {"ok": False, "error": "ratelimited"}
        assert int(answers[3].headers["retry-after"]) >= 1


async def test_rate_limit_of_a_workspace() -> None:
    async with an_edge(workspace=Rate(0.1, 1)) as edge, httpx.AsyncClient(base_url=edge.url) as client:
        answers = [await client.post("/api/auth.test", headers=BEARER) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 429]


async def test_believed_proxy() -> None:
    settings = HttpSettings(trusted_proxies=frozenset({"127.0.0.1"}))
    async with an_edge(http=settings) as edge, httpx.AsyncClient(base_url=edge.url) as client:
        await client.post("/api/auth.test", headers=BEARER | {"x-forwarded-for": "10.0.0.1, 192.0.2.7"})
        assert edge.forwarder.requests[0].client == "192.0.2.7"


async def test_forged_forwarding_headers_are_dropped(edge: Edge, client: httpx.AsyncClient) -> None:
    await client.post("/api/auth.test", headers=BEARER | {"x-forwarded-for": "192.0.2.7", "x-request-id": "bad id with spaces"})
    (request,) = edge.forwarder.requests
    assert [h.value for h in request.headers if h.name == b"x-forwarded-for"] == [b"127.0.0.1"]
    assert " " not in request.request_id


async def test_request_in_flight_is_answered_when_the_edge_stops() -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    async def answering(request: tunnel_pb2.Request, body: bytes) -> Reply:
        entered.set()
        await release.wait()
        return Reply(200, [], json.dumps({"ok": True, "late": True}).encode())

    async with httpx.AsyncClient() as client:
        async with an_edge() as edge:
            edge.forwarder.answering = answering
            asking = asyncio.create_task(client.post(f"{edge.url}/api/auth.test", headers=BEARER))
            await entered.wait()
            asyncio.get_running_loop().call_later(0.1, release.set)
        answer = await asking
        assert answer.json() == {"ok": True, "late": True}
        with pytest.raises(httpx.ConnectError):
            await client.post(f"{edge.url}/api/auth.test")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    from tests.harness.certificates import self_signed

    return self_signed(tmp_path_factory.mktemp("tls"))


async def test_http_1_over_tls_and_h2(certificate: tuple[Path, Path]) -> None:
    from router.edge.serving import ServingSettings
    from tests.harness.h2client import h2_get

    cert, key = certificate
    context = ssl.create_default_context(cafile=str(cert))
    async with an_edge(settings=ServingSettings(drain_s=1.0, certificate=cert, key=key)) as edge:
        async with httpx.AsyncClient(verify=context) as client:
            answer = await client.post(f"https://localhost:{edge.port}/api/auth.test", headers=BEARER)
        assert answer.json() == {"ok": True}
        assert edge.forwarder.requests[0].scheme == "https"
        context.set_alpn_protocols(["h2"])
        status, body = await h2_get(edge.port, context, "/api/auth.test", BEARER)
        assert (status, json.loads(body)) == (200, {"ok": True})


async def test_one_connection_serves_plain_and_odd_requests_in_turn(edge: Edge) -> None:
    """Plain ones are answered straight, the others by Hypercorn's parser; the client sees one connection."""
    head = f"POST /api/api.test HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {TOKEN}\r\n".encode()
    plain = head + b"Content-Length: 2\r\n\r\n{}"
    odd = head + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    reader, writer = await asyncio.open_connection(edge.host, edge.port)
    for asked in ([plain], [odd], [plain], [plain[:30], plain[30:]], [plain], [head, b"Content-Length: 2\r\n\r\n{", b"}"], [plain]):
        for part in asked:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(len(b'{"ok":true}')) == b'{"ok":true}'
    writer.write(plain + odd + plain)
    async with asyncio.timeout(5):
        for _ in range(3):
            await reader.readuntil(b'{"ok":true}')
    writer.close()
    assert len(edge.forwarder.requests) == 10
    assert {request.body for request in edge.forwarder.requests} == {b"{}"}


async def test_an_answer_that_fails_halfway_ends_its_connection_unfinished(edge: Edge) -> None:
    async def answering(_: tunnel_pb2.Request, __: bytes) -> Reply:
        return Reply(200, [(b"content-length", b"1")], b"more than one")

    edge.forwarder.answering = answering
    reader, writer = await asyncio.open_connection(edge.host, edge.port)
    writer.write(f"GET /api/api.test HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
    async with asyncio.timeout(5):
        assert (await reader.read()).startswith(b"HTTP/1.1 500 ")
    writer.close()
