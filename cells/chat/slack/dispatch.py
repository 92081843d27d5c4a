"""The ASGI app of the wire: /api/METHOD.

API errors are HTTP 200 with `ok: false`, as Slack answers them. NotExecuted is not caught: the runtime makes it a refusal
that the router acts on.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from cells.chat.domain.abuse.errors import SlowDown
from cells.chat.domain.errors import DomainError, SwitchedOff
from cells.chat.domain.roles.role import Role
from cells.chat.domain.signin.errors import TooManyAttempts
from cells.chat.domain.tokens.errors import MissingScope, NotAuthed
from cells.chat.domain.tokens.repository import Bearer
from cells.chat.slack.bearers import Bearers
from cells.chat.slack.bodies import ClientGone, arguments_of, read_body
from cells.chat.slack.call import Answer, Call, Origin
from cells.chat.slack.cookies import token_in_cookie
from cells.chat.slack.errors import BodyTooLarge, UnknownMethod
from cells.chat.slack.limits import PLACE_LENGTH_MAX, Limits, RateLimited
from cells.chat.slack.listing import LISTING, listing_of
from cells.chat.slack.registry import Method
from cells.chat.slack.tiers import EACH_PLACE
from cells.runtime.workload import TENANT_KEY, Receive, Scope, Send, Tenant
from chassis.clock import Clock
from chassis.flags import Flag, Switchboard
from chassis.identity import UserId

PREFIX = "/api/"
NOBODY = Bearer(UserId(""), "", None, None, Role.GUEST, frozenset(), "", revoked=False, deleted=False)
TOKEN_LENGTH_MAX = 512
NO_HEADERS: tuple[tuple[bytes, bytes], ...] = ()
OnCall = Callable[[Tenant, str], None]
"""Told of each call that a person made, with the user's id."""
BY_THEMSELVES = frozenset(("rtm.connect",))
"""What clients call with nobody in front of them."""
_encode = msgspec.json.Encoder().encode
_BEARER = "bearer "


class Dispatch:
    """Without `limits` anyone may call as often as they like."""

    def __init__(
        self,
        methods: Mapping[str, Method],
        bearers: Bearers,
        clock: Clock,
        limits: Limits | None = None,
        on_call: OnCall | None = None,
        flags: Switchboard | None = None,
    ) -> None:
        self._methods = methods
        self._bearers = bearers
        self._clock = clock
        self._limits = limits
        self._on_call = on_call
        self._flags = flags or Switchboard()
        self._listing = _encode(listing_of(methods))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if not path.startswith(PREFIX):
            return await _reply(send, 404, b'{"ok":false,"error":"not_found"}', NOBODY, None)
        if scope["method"] not in ("GET", "POST"):
            return await _reply(send, 405, b'{"ok":false,"error":"invalid_http_method"}', NOBODY, None)
        if path == LISTING:
            return await _reply(send, 200, self._listing, NOBODY, None)
        exchange = _Exchange(path.removeprefix(PREFIX).rstrip("/"))
        status, more = 200, NO_HEADERS
        try:
            answer = await self._answer(exchange, scope, receive)
        except BodyTooLarge as error:
            status, answer = 413, refusal(error)
        except (RateLimited, SlowDown, TooManyAttempts) as error:
            status, answer = 429, refusal(error)
            more = ((b"retry-after", b"%d" % error.retry_after_s),)
        except DomainError as error:
            answer = refusal(error) | exchange.echo
        except ClientGone:
            return None
        return await _reply(send, status, _encode(answer), exchange.bearer, exchange.method, (*more, *exchange.more))

    async def _answer(self, exchange: "_Exchange", scope: Scope, receive: Receive) -> Answer:
        headers = _headers_of(scope["headers"])
        method = exchange.method = self._methods.get(exchange.name)
        tenant: Tenant = scope[TENANT_KEY]
        if method is not None and method.flag is not None and self._flags.off(method.flag, tenant.scope.workspace_id):
            raise method.off  # its body may be what is too much
        body = await read_body(receive)
        if method is None:
            exchange.echo = {"req_method": exchange.name}
            raise UnknownMethod
        given = arguments_of(scope.get("query_string", b""), headers.get(b"content-type", ""), body, method.content_types)
        token = _token_of(headers, given)
        if method.needs_token:
            exchange.bearer = await self._require_bearer(tenant, token)
            if exchange.bearer.app_id and self._flags.off(Flag.APPS, tenant.scope.workspace_id):
                raise SwitchedOff
            if self._limits is not None:
                _count(self._limits, tenant, exchange.bearer, method, given)
            _check_scopes(exchange.bearer, method)
            if self._on_call is not None and not exchange.bearer.bot_id and method.name not in BY_THEMSELVES:
                self._on_call(tenant, exchange.bearer.user_id)
        address, agent = (scope.get("client") or ("",))[0], headers.get(b"user-agent", "")
        if not method.needs_token and self._limits is not None:
            self._limits.take((method.name, tenant.scope.workspace_id, address, ""), method.allowance)
        origin = Origin(scope.get("scheme", "http"), headers.get(b"host", "localhost"))
        call = Call(tenant, exchange.bearer, method.reader.read(given), given, origin, self._clock, address, agent, exchange.more)
        return {"ok": True, **await method.handler(call)}

    async def _require_bearer(self, tenant: Tenant, token: str) -> Bearer:
        if not token:
            raise NotAuthed
        return await self._bearers.require(tenant, token[:TOKEN_LENGTH_MAX])


class _Exchange:
    """What is known of a call so far; the answer's headers are made of it, however the call ends."""

    __slots__ = ("bearer", "echo", "method", "more", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.method: Method | None = None
        self.bearer = NOBODY
        self.echo: dict[str, Any] = {}
        self.more: list[tuple[bytes, bytes]] = []


def _count(limits: Limits, tenant: Tenant, bearer: Bearer, method: Method, given: dict[str, Any]) -> None:
    """Raises RateLimited."""
    workspace_id, caller = tenant.scope.workspace_id, bearer.app_id or bearer.user_id
    if method.limited_by:
        place = str(given.get(method.limited_by))[:PLACE_LENGTH_MAX]
        limits.take((method.name, workspace_id, caller, place), EACH_PLACE)
    limits.take((method.name, workspace_id, caller, ""), method.allowance)


def _check_scopes(bearer: Bearer, method: Method) -> None:
    if method.scopes and bearer.scopes.isdisjoint(method.scopes):
        raise MissingScope(",".join(method.scopes), bearer.scopes_shown)


def refusal(error: DomainError) -> Answer:
    """`ok: false` with the error's word, and what the word promises to bring along."""
    answer: Answer = {"ok": False, "error": error.code}
    if isinstance(error, MissingScope):
        answer |= {"needed": error.needed, "provided": error.provided}
    if error.messages:
        answer["response_metadata"] = {"messages": list(error.messages)}
    return answer


def _headers_of(raw: Iterable[tuple[bytes, bytes]]) -> dict[bytes, str]:
    return {name: value.decode("latin-1") for name, value in raw if name in _WANTED}


_WANTED = frozenset((b"authorization", b"content-type", b"cookie", b"host", b"user-agent"))


def _token_of(headers: Mapping[bytes, str], given: dict[str, Any]) -> str:
    """The header's before the body's before the cookie's; taken out of the arguments, so that nothing can echo it."""
    in_body = given.pop("token", "")
    authorization = headers.get(b"authorization", "")
    if authorization[: len(_BEARER)].lower() == _BEARER:
        return authorization[len(_BEARER) :].strip()
    return in_body if isinstance(in_body, str) and in_body else token_in_cookie(headers.get(b"cookie", ""))


async def _reply(
    send: Send, status: int, body: bytes, bearer: Bearer, method: Method | None, more: Iterable[tuple[bytes, bytes]] = NO_HEADERS
) -> None:
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"private, no-cache, no-store"),
        (b"x-oauth-scopes", bearer.scopes_shown.encode()),
        (b"x-accepted-oauth-scopes", method.accepted_scopes if method else b""),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
