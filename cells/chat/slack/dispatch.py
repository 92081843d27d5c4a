"""The ASGI app of the wire: /api/METHOD.

API errors are HTTP 200 with `ok: false`, as Slack answers them. NotExecuted is not caught: the runtime makes it a refusal
that the router acts on.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from cells.chat.domain.errors import DomainError
from cells.chat.domain.roles.role import Role
from cells.chat.domain.tokens.errors import MissingScope, NotAuthed
from cells.chat.domain.tokens.repository import Bearer
from cells.chat.slack.bearers import Bearers
from cells.chat.slack.bodies import ClientGone, arguments_of, read_body
from cells.chat.slack.call import Answer, Call, Origin
from cells.chat.slack.errors import BodyTooLarge, InvalidArguments, UnknownMethod
from cells.chat.slack.registry import Method
from cells.runtime.workload import TENANT_KEY, Receive, Scope, Send, Tenant
from chassis.clock import Clock
from chassis.identity import UserId

PREFIX = "/api/"
NOBODY = Bearer(UserId(""), "", None, None, Role.GUEST, frozenset(), "", revoked=False, deleted=False)
TOKEN_LENGTH_MAX = 512
_encode = msgspec.json.Encoder().encode
_BEARER = "bearer "


class Dispatch:
    def __init__(self, methods: Mapping[str, Method], bearers: Bearers, clock: Clock) -> None:
        self._methods = methods
        self._bearers = bearers
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if not path.startswith(PREFIX):
            return await _reply(send, 404, b'{"ok":false,"error":"not_found"}', NOBODY, None)
        if scope["method"] not in ("GET", "POST"):
            return await _reply(send, 405, b'{"ok":false,"error":"invalid_http_method"}', NOBODY, None)
        exchange = _Exchange(path.removeprefix(PREFIX).rstrip("/"))
        status = 200
        try:
            answer = await self._answer(exchange, scope, receive)
        except BodyTooLarge as error:
            status, answer = 413, refusal(error)
        except DomainError as error:
            answer = refusal(error) | exchange.echo
        except ClientGone:
            return None
        return await _reply(send, status, _encode(answer), exchange.bearer, exchange.method)

    async def _answer(self, exchange: "_Exchange", scope: Scope, receive: Receive) -> Answer:
        headers = _headers_of(scope["headers"])
        body = await read_body(receive)
        method = self._methods.get(exchange.name)
        if method is None:
            exchange.echo = {"req_method": exchange.name}
            raise UnknownMethod
        exchange.method = method
        given = arguments_of(scope.get("query_string", b""), headers.get(b"content-type", ""), body)
        tenant: Tenant = scope[TENANT_KEY]
        token = _token_of(headers, given)
        if method.needs_token:
            exchange.bearer = await self._require_bearer(tenant, token)
            _check_scopes(exchange.bearer, method)
        origin = Origin(scope.get("scheme", "http"), headers.get(b"host", "localhost"))
        call = Call(tenant, exchange.bearer, method.reader.read(given), given, origin, self._clock)
        return {"ok": True, **await method.handler(call)}

    async def _require_bearer(self, tenant: Tenant, token: str) -> Bearer:
        if not token:
            raise NotAuthed
        return await self._bearers.require(tenant, token[:TOKEN_LENGTH_MAX])


class _Exchange:
    """What is known of a call so far; the answer's headers are made of it, however the call ends."""

    __slots__ = ("bearer", "echo", "method", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.method: Method | None = None
        self.bearer = NOBODY
        self.echo: dict[str, Any] = {}


def _check_scopes(bearer: Bearer, method: Method) -> None:
    if method.scopes and bearer.scopes.isdisjoint(method.scopes):
        raise MissingScope(",".join(method.scopes), bearer.scopes_shown)


def refusal(error: DomainError) -> Answer:
    """`ok: false` with the error's word, and what the word promises to bring along."""
    answer: Answer = {"ok": False, "error": error.code}
    if isinstance(error, MissingScope):
        answer |= {"needed": error.needed, "provided": error.provided}
    if isinstance(error, InvalidArguments):
        answer["response_metadata"] = {"messages": list(error.messages)}
    return answer


def _headers_of(raw: Iterable[tuple[bytes, bytes]]) -> dict[bytes, str]:
    return {name: value.decode("latin-1") for name, value in raw if name in _WANTED}


_WANTED = frozenset((b"authorization", b"content-type", b"host"))


def _token_of(headers: Mapping[bytes, str], given: dict[str, Any]) -> str:
    """The header's before the body's; taken out of the arguments, so that nothing can echo it."""
    in_body = given.pop("token", "")
    authorization = headers.get(b"authorization", "")
    if authorization[: len(_BEARER)].lower() == _BEARER:
        return authorization[len(_BEARER) :].strip()
    return in_body if isinstance(in_body, str) else ""


async def _reply(send: Send, status: int, body: bytes, bearer: Bearer, method: Method | None) -> None:
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"private, no-cache, no-store"),
        (b"x-oauth-scopes", bearer.scopes_shown.encode()),
        (b"x-accepted-oauth-scopes", method.accepted_scopes if method else b""),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
