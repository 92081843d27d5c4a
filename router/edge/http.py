"""HTTP at the edge: plain ASGI, lean on purpose (every request of every client passes here)."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from prometheus_client import Counter, Histogram

from chassis.telemetry import extract, inject, span
from protos.tunnel.v1 import tunnel_pb2
from router.edge import answers
from router.edge.answers import Answer, Cors, Headers
from router.edge.apitest import answer_api_test
from router.edge.body import Body, BodyTooLarge, BodyTooSlow, ClientGone
from router.edge.connection import Receive, Scope, Send
from router.edge.email import FIND_WORKSPACES, email_of
from router.edge.failures import answer_to
from router.edge.finding import Finder
from router.edge.front import shown
from router.edge.head import Head, reply_headers
from router.edge.identify import Address, token_in_body
from router.edge.limits import Limits
from router.edge.straight import WHOLE
from router.forward import BODY_WHOLE_BYTES_MAX, ForwardError, Reply
from router.routes.table import Route

LATENCY = Histogram(
    "waggle_router_request_seconds",
    "From the request's header to the last byte of the answer handed to the client's connection",
    ["cell"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)
ANSWERS = Counter("waggle_router_answers", "Answers by status", ["status"])
NO_CELL = "none"
LEGACY_UPLOAD = b"/api/files.upload"
"""The one method whose form may hold a file."""
PEEK_BYTES = 16 << 10
"""Of a large body: enough to find the token among its first fields."""

log = structlog.get_logger("router.edge")


class Forwarding(Protocol):
    """What HTTP needs of `router.forward.Forwarder`."""

    async def call(self, route: Route, request: tunnel_pb2.Request) -> Reply: ...

    async def carry(self, route: Route, request: tunnel_pb2.Request, body: AsyncIterator[bytes]) -> Reply: ...


@dataclass(frozen=True, slots=True)
class HttpSettings:
    domain: str = "localhost"
    body_bytes_max: int = 1 << 20
    """For `/api/`."""
    upload_bytes_max: int = (1 << 30) + (1 << 20)
    """For everything else: a file of 1 GiB, and the form around it."""
    body_wait_s: float = 20.0
    deadline_ms: int = 30_000
    trusted_proxies: frozenset[str] = frozenset()
    """Addresses whose X-Forwarded-For is believed (its last entry)."""
    cors_origins: tuple[str, ...] = ("*",)


class _Asked:
    """One request on its way."""

    __slots__ = ("address", "body", "cell", "head", "method", "scheme", "send")

    def __init__(self, scope: Scope, head: Head, address: Address, body: Body, send: Send) -> None:
        self.method: str = scope["method"]
        self.scheme: str = scope["scheme"]
        self.head = head
        self.address = address
        self.body = body
        self.send = send
        self.cell = NO_CELL


class HttpEdge:
    """The ASGI app of `http` scopes."""

    def __init__(self, finder: Finder, forwarder: Forwarding, limits: Limits, settings: HttpSettings) -> None:
        self._finder = finder
        self._forwarder = forwarder
        self._limits = limits
        self._settings = settings
        self._cors = Cors(settings.cors_origins)
        self._latencies: dict[str, Histogram] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started_s = time.perf_counter()
        head = Head(scope, self._settings.trusted_proxies)
        address = self._finder.address(head)
        small = address.path.startswith(b"/api/") and address.path.rstrip(b"/") != LEGACY_UPLOAD
        bytes_max = self._settings.body_bytes_max if small else self._settings.upload_bytes_max
        body = Body(receive, bytes_max=bytes_max, wait_s=self._settings.body_wait_s, whole=scope["extensions"].get(WHOLE))
        asked = _Asked(scope, head, address, body, send)
        try:
            await self._answer(asked, bytes_max)
        except ClientGone:
            log.debug("client_gone", request_id=head.request_id)
        self._latency(asked.cell).observe(time.perf_counter() - started_s)

    def _latency(self, cell: str) -> Histogram:
        """Kept by cell: a look-up of labels costs as much as the observation."""
        found = self._latencies.get(cell)
        if found is None:
            found = self._latencies[cell] = LATENCY.labels(cell)
        return found

    async def _answer(self, asked: _Asked, bytes_max: int) -> None:
        try:
            said = self._refused_by_head(asked, bytes_max) or await self._forward(asked)
        except BodyTooLarge:
            said = answers.TOO_LARGE
        except BodyTooSlow:
            said = answers.TOO_SLOW
        except ForwardError as error:
            said = answer_to(error)
        except ClientGone:
            raise
        except Exception:
            log.exception("edge_failed", request_id=asked.head.request_id)
            said = answers.INTERNAL
        await (self._say(asked, said) if isinstance(said, Answer) else self._pass_back(asked, said))

    def _refused_by_head(self, asked: _Asked, bytes_max: int) -> Answer | None:
        head = asked.head
        retry_after_s = self._limits.of_address(head.client)
        if retry_after_s:
            return answers.ratelimited(retry_after_s)
        if asked.method == "OPTIONS" and b"origin" in head.fields and b"access-control-request-method" in head.fields:
            return answers.PREFLIGHT
        length = head.content_length
        return answers.TOO_LARGE if length is not None and length > bytes_max else None

    async def _forward(self, asked: _Asked) -> Answer | Reply:
        body = await asked.body.read_until(BODY_WHOLE_BYTES_MAX if self._is_small(asked) else PEEK_BYTES)
        is_api = asked.address.path.startswith(b"/api/")
        token = self._finder.token(asked.head) or (token_in_body(asked.head.get(b"content-type"), body) if is_api and body else None)
        if token is None and asked.address.path == b"/api/api.test":
            return answer_api_test(asked.head, body if asked.body.complete else b"")
        if token is None and asked.address.subdomain is None and asked.address.path == FIND_WORKSPACES:
            return await self._finder.find_workspaces(email_of(asked.head, body)) if asked.body.complete else answers.TOO_LARGE
        route = await self._finder.find(asked.address, token)
        if isinstance(route, Answer):
            return shown(asked.head, asked.method, asked.address, asked.scheme, route)
        asked.cell = route.cell
        retry_after_s = self._limits.of_workspace(route.workspace_id)
        if retry_after_s:
            return answers.ratelimited(retry_after_s)
        return await self._call(asked, route, body)

    def _is_small(self, asked: _Asked) -> bool:
        length = asked.head.content_length
        return length is None or length <= BODY_WHOLE_BYTES_MAX

    async def _call(self, asked: _Asked, route: Route, body: bytes) -> Reply:
        head = asked.head
        with span("router.request", extract(head.passed), workspace=route.workspace_id, cell=route.cell, request_id=head.request_id):
            request = self._request(asked, route)
            if not asked.body.complete:
                return await self._forwarder.carry(route, request, asked.body.rest())
            request.body = body
            return await self._forwarder.call(route, request)

    def _request(self, asked: _Asked, route: Route) -> tunnel_pb2.Request:
        head = asked.head
        request = tunnel_pb2.Request(
            workspace_id=route.workspace_id,
            epoch=route.epoch,
            method=asked.method,
            path=asked.address.path,
            query=head.query,
            deadline_ms=self._settings.deadline_ms,
            scheme=asked.scheme,
            client=head.client,
            request_id=head.request_id,
        )
        add = request.headers.add
        for name, value in inject(head.passed):
            add(name=name, value=value)
        add(name=b"x-forwarded-for", value=head.client.encode("latin-1"))
        add(name=b"x-forwarded-proto", value=asked.scheme.encode("ascii"))
        add(name=b"x-request-id", value=head.request_id.encode("ascii"))
        return request

    async def _say(self, asked: _Asked, answer: Answer) -> None:
        headers = [*answer.headers, *self._edge_headers(asked.head), (b"content-length", b"%d" % len(answer.body))]
        await _send_whole(asked, answer.status, headers, answer.body)

    async def _pass_back(self, asked: _Asked, reply: Reply) -> None:
        headers = self._merged(reply, asked.head)
        if reply.rest is None:
            if not any(name == b"content-length" for name, _ in headers) and reply.status not in (204, 304):
                headers.append((b"content-length", b"%d" % len(reply.body)))
            await _send_whole(asked, reply.status, headers, reply.body)
            return
        await _send_start(asked.send, reply.status, headers)
        try:
            async for chunk in reply.rest:
                await asked.send({"type": "http.response.body", "body": chunk, "more_body": True})
        except ForwardError as error:
            log.warning("reply_cut_short", request_id=asked.head.request_id, error=str(error))
            return  # the connection ends without the end of the body: the client knows that it is not whole
        finally:
            await reply.rest.aclose()
        await asked.send({"type": "http.response.body", "body": b"", "more_body": False})

    def _merged(self, reply: Reply, head: Head) -> Headers:
        return reply_headers(reply.headers) + self._edge_headers(head)

    def _edge_headers(self, head: Head) -> Headers:
        headers: Headers = [(b"x-request-id", head.request_id.encode("ascii"))]
        origin: Any = head.fields.get(b"origin")
        return headers if origin is None else headers + self._cors.headers(origin)


async def _send_whole(asked: _Asked, status: int, headers: Headers, body: bytes) -> None:
    await _send_start(asked.send, status, headers)
    if not asked.body.complete:
        await asked.send({"type": "http.response.body", "body": body, "more_body": True})
        body = b""
        await asked.body.discard()
    await asked.send({"type": "http.response.body", "body": body, "more_body": False})


async def _send_start(send: Send, status: int, headers: Headers) -> None:
    ANSWERS.labels(status).inc()
    await send({"type": "http.response.start", "status": status, "headers": headers})
