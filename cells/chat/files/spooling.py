"""The legacy files.upload: its form's file goes to the store as it comes, and the method is asked with its fields alone.

The caller is known before the first byte is stored: the token is in a header, the query, or a field that comes before the file.
"""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cells.chat.domain.errors import DomainError
from cells.chat.domain.files.errors import FileTooLarge, PostContentsTooLarge
from cells.chat.domain.files.file import UNKNOWN_SIZE, File
from cells.chat.domain.files.types import snippet_type
from cells.chat.domain.files.uploading import OpenUpload
from cells.chat.domain.tokens.repository import Bearer
from cells.chat.files.bodies import ClientGone, answer, body_of, header
from cells.chat.files.capabilities import write_capability
from cells.chat.files.door import TOKEN_LENGTH_MAX, RequireBearer
from cells.chat.files.forms import BadForm, FileBegins, FileEnds, Form, Piece
from cells.chat.files.intake import Intake, TooManyBytes
from cells.runtime.workload import TENANT_KEY, ASGIApp, Receive, Scope, Send, Tenant

PATH = "/api/files.upload"
PURPOSE = "spooled"
SCOPE = "files:write"
_HEADERS = [(b"x-oauth-scopes", b""), (b"x-accepted-oauth-scopes", SCOPE.encode())]
_FORM = b"application/x-www-form-urlencoded"


class Spooling:
    """Stands before the API for this one path; everything else, and every refusal, is the API's to answer."""

    def __init__(self, app: ASGIApp, intake: Intake, require_bearer: RequireBearer) -> None:
        self._app = app
        self._intake = intake
        self._require_bearer = require_bearer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        content_type = header(scope["headers"], b"content-type")
        if scope["path"].rstrip("/") != PATH or not content_type.lower().startswith("multipart/form-data"):
            return await self._app(scope, receive, send)
        try:
            form = Form(content_type)
            given = await self._spool(scope, form, _pieces(form, body_of(receive)))
        except ClientGone:
            return None
        except BadForm:
            return await _refuse(send, "invalid_form_data")
        except TooManyBytes:
            return await _refuse(send, PostContentsTooLarge.code)
        except _Unauthorized:
            given = ""  # the API finds the same, and says it in full
        except DomainError as error:
            return await _refuse(send, error.code)
        fields = {**{name: value for name, value in form.fields.items() if name != "file"}, "file": given}
        return await self._app(_with_form(scope), _giving(urlencode(fields).encode()), send)

    async def _spool(self, scope: Scope, form: Form, pieces: AsyncIterator[Piece]) -> str:
        """By what the method finds the form's file; empty where there is none."""
        given, tenant = "", scope[TENANT_KEY]
        async for piece in pieces:
            if isinstance(piece, FileBegins):
                file = await self._store(tenant, await self._bearer(scope, tenant, form), form, piece, _bytes_of(pieces))
                given = write_capability(tenant.secret, PURPOSE, file.file_id, file.expires_us // 1_000_000)
        if not form.ended:
            raise BadForm("it ends before its last boundary")
        return given

    async def _bearer(self, scope: Scope, tenant: Tenant, form: Form) -> Bearer:
        authorization = header(scope["headers"], b"authorization")
        query = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1")))
        token = authorization[7:].strip() if authorization[:7].lower() == "bearer " else form.fields.get("token") or query.get("token", "")
        try:
            bearer = await self._require_bearer(tenant, token[:TOKEN_LENGTH_MAX])
        except DomainError as error:
            raise _Unauthorized from error
        if SCOPE not in bearer.scopes:
            raise _Unauthorized
        return bearer

    async def _store(self, tenant: Tenant, bearer: Bearer, form: Form, begins: FileBegins, chunks: AsyncIterator[bytes]) -> File:
        name = form.fields.get("filename") or begins.filename or "untitled"
        filetype = snippet_type(form.fields.get("filetype", "")) or ""
        opening = OpenUpload(bearer.user_id, name.rpartition("/")[2][:255] or "untitled", UNKNOWN_SIZE, "", filetype)
        try:
            file = await self._intake.open(tenant, opening)
        except FileTooLarge as error:
            raise PostContentsTooLarge from error
        return await self._intake.receive(tenant, file.file_id, chunks)


class _Unauthorized(Exception):
    """Whoever calls may not upload."""


async def _pieces(form: Form, body: AsyncIterator[bytes]) -> AsyncIterator[Piece]:
    async for chunk in body:
        for piece in form.feed(chunk):
            yield piece


async def _bytes_of(pieces: AsyncIterator[Piece]) -> AsyncIterator[bytes]:
    """Of the file that has begun, to its end."""
    async for piece in pieces:
        if isinstance(piece, FileEnds):
            return
        if isinstance(piece, bytes):
            yield piece
    raise BadForm("it ends within the file")


async def _refuse(send: Send, error: str) -> None:
    return await answer(send, 200, f'{{"ok":false,"error":"{error}"}}', _HEADERS, b"application/json; charset=utf-8")


def _with_form(scope: Scope) -> Scope:
    kept = [(name, value) for name, value in scope["headers"] if name not in (b"content-type", b"content-length")]
    return {**scope, "headers": [*kept, (b"content-type", _FORM)]}


def _giving(body: bytes) -> Receive:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
