"""`/graphql`: POST with JSON, GET with the query in the address; the same bearer tokens as the API."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    get_operation_ast,
    parse,
    validate,
)
from graphql.execution import execute

from cells.chat.domain.errors import DomainError, SwitchedOff
from cells.chat.domain.presence.keeper import Presences
from cells.chat.domain.tokens.errors import AccountInactive, InvalidAuth, MissingScope, NotAuthed, TokenExpired, TokenRevoked
from cells.chat.domain.tokens.repository import Bearer
from cells.chat.graphql.errors import BadQuery
from cells.chat.graphql.executor import RowsExecutor
from cells.chat.graphql.limits import check_limits
from cells.chat.graphql.loading import Loads
from cells.chat.graphql.schema import schema
from cells.chat.slack.bodies import ClientGone, read_body, read_form, read_json
from cells.chat.slack.errors import BodyTooLarge
from cells.runtime.workload import TENANT_KEY, ASGIApp, Receive, Scope, Send, Tenant
from chassis.clock import Clock
from chassis.errors import WaggleError
from chassis.flags import Flag, Switchboard

PATH = "/graphql"
QUERY_LENGTH_MAX = 32_768
TOKENS_MAX = 4_000
DOCUMENTS_KEPT = 256
ERRORS_MAX = 20
TOKEN_LENGTH_MAX = 512
_UNAUTHORIZED = (NotAuthed, InvalidAuth, TokenRevoked, TokenExpired, AccountInactive)
_encode = msgspec.json.Encoder().encode
_log = structlog.get_logger("graphql")
_core = schema._schema
Require = Callable[[Tenant, str], Awaitable[Bearer]]


@dataclass(frozen=True, slots=True)
class Asked:
    query: str
    variables: Mapping[str, Any]
    operation: str | None


@dataclass
class GraphQL:
    """Before an app: takes `/graphql` and leaves the rest."""

    app: ASGIApp
    require: Require
    presences: Presences
    clock: Clock
    flags: Switchboard = field(default_factory=Switchboard)
    _documents: OrderedDict[str, DocumentNode] = field(default_factory=OrderedDict)
    """Read and checked against the schema; clients ask the same few again and again."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            return await self.app(scope, receive, send)
        answer: dict[str, Any]
        try:
            status, answer = await self._answer(scope, receive)
        except BodyTooLarge as error:
            status, answer = 413, {"errors": [_face(error)]}
        except SwitchedOff as error:
            status, answer = 200, {"errors": [_face(error)]}
        except DomainError as error:
            status, answer = 401 if isinstance(error, _UNAUTHORIZED) else 400, {"errors": [_face(error)]}
        except ClientGone:
            return None
        return await _reply(send, status, _encode(answer))

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, dict[str, Any]]:
        if scope["method"] not in ("GET", "POST"):
            return 405, {"errors": [{"message": "GraphQL is asked with GET or POST", "extensions": {"code": "invalid_http_method"}}]}
        body = await read_body(receive)
        tenant: Tenant = scope[TENANT_KEY]
        if self.flags.off(Flag.GRAPHQL, tenant.scope.workspace_id):
            raise SwitchedOff
        token = _token(scope)
        if not token:
            raise NotAuthed
        bearer = await self.require(tenant, token)
        if bearer.app_id and self.flags.off(Flag.APPS, tenant.scope.workspace_id):
            raise SwitchedOff
        asked = _asked(scope, body)
        document = self._document(asked.query)
        operation = get_operation_ast(document, asked.operation)
        if operation is None:
            raise BadQuery("there is no such operation, or more than one and none is named")
        check_limits(document, operation, asked.variables)
        return 200, await self._execute(tenant, bearer, document, operation, asked)

    async def _execute(
        self, tenant: Tenant, bearer: Bearer, document: DocumentNode, operation: OperationDefinitionNode, asked: Asked
    ) -> dict[str, Any]:
        async with tenant.reading() as connection:
            loads = Loads(tenant, connection, bearer, self.presences, self.clock)
            running: Any = execute(
                _core,
                document,
                context_value=loads,
                variable_values=dict(asked.variables),
                operation_name=operation.name.value if operation.name else None,
                executor_class=RowsExecutor,
            )
            result: ExecutionResult = await running if hasattr(running, "__await__") else running
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [_told(error) for error in result.errors[:ERRORS_MAX]]
        return answer

    def _document(self, query: str) -> DocumentNode:
        held = self._documents.get(query)
        if held is None:
            held = self._documents[query] = _read(query)
            if len(self._documents) > DOCUMENTS_KEPT:
                self._documents.popitem(last=False)
        self._documents.move_to_end(query)
        return held


def _read(query: str) -> DocumentNode:
    try:
        document = parse(query, max_tokens=TOKENS_MAX, no_location=False)
    except (GraphQLSyntaxError, GraphQLError, RecursionError) as error:
        raise BadQuery(_line(error)) from None
    wrong = validate(_core, document, max_errors=5)
    if wrong:
        raise BadQuery("; ".join(_line(error) for error in wrong))
    return document


def _asked(scope: Scope, body: bytes) -> Asked:
    """Raises BadQuery, InvalidJson."""
    given = read_json(body) if scope["method"] == "POST" and body else read_form(scope.get("query_string", b""))
    query, variables, operation = given.get("query"), given.get("variables") or {}, given.get("operationName") or None
    if isinstance(variables, str):
        variables = read_json(variables.encode())
    if not isinstance(query, str) or not query.strip():
        raise BadQuery("`query` is missing")
    if len(query) > QUERY_LENGTH_MAX:
        raise BadQuery(f"a query has at most {QUERY_LENGTH_MAX} characters")
    if not isinstance(variables, dict) or not isinstance(operation, str | None):
        raise BadQuery("`variables` is an object and `operationName` a string")
    return Asked(query, variables, operation)


def _token(scope: Scope) -> str:
    found = next((value for name, value in scope["headers"] if name == b"authorization"), b"").decode("latin-1")
    return found[7:].strip()[:TOKEN_LENGTH_MAX] if found[:7].lower() == "bearer " else ""


def _told(error: GraphQLError) -> dict[str, Any]:
    """A refusal by its word; whatever else went wrong is in the log alone. What the runtime must know is raised."""
    cause = error.original_error
    if isinstance(cause, WaggleError) and not isinstance(cause, DomainError):
        raise cause
    face = _face(cause) if isinstance(cause, DomainError) else {"message": error.message, "extensions": {"code": "invalid_query"}}
    if cause is not None and not isinstance(cause, DomainError):
        _log.error("graphql failed", exc_info=cause)
        face = {"message": "something went wrong here", "extensions": {"code": "internal_error"}}
    return face | {"path": error.path or []}


def _face(error: DomainError) -> dict[str, Any]:
    extensions: dict[str, Any] = {"code": error.code}
    if isinstance(error, MissingScope):
        extensions |= {"needed": error.needed, "provided": error.provided}
    return {"message": error.detail or error.code, "extensions": extensions}


def _line(error: BaseException) -> str:
    return " ".join(str(getattr(error, "message", error)).split())[:300]


async def _reply(send: Send, status: int, body: bytes) -> None:
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"private, no-cache, no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
