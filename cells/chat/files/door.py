"""`/files/TEAM/…`: uploads, downloads, thumbnails, public addresses.

/files/T/upload/CAPABILITY          POST, no token: the capability is the permission
/files/T/F/NAME  /files/T/F/view/NAME  /files/T/F/download/NAME  /files/T/F/thumb_360/NAME      GET with a bearer token
/files/T/F/public/SECRET            GET by anybody, until it is revoked
"""

import hmac
from collections.abc import Awaitable, Callable

from cells.chat.domain.errors import DomainError
from cells.chat.domain.files.file import File, FileState
from cells.chat.domain.files.repository import Files
from cells.chat.domain.files.service import Viewer, require_seen
from cells.chat.domain.tokens.errors import MissingScope, NotAuthed
from cells.chat.domain.tokens.repository import Bearer
from cells.chat.files.bodies import header, refuse
from cells.chat.files.serving import Handout, hand_out, thumbnail, whole
from cells.chat.files.store import ObjectStore
from cells.chat.files.uploading import UploadDoor
from cells.runtime.workload import TENANT_KEY, Receive, Scope, Send, Tenant

PREFIX = "/files/"
SCOPE = "files:read"
TOKEN_LENGTH_MAX = 512
_BEARER = "bearer "
RequireBearer = Callable[[Tenant, str], Awaitable[Bearer]]
_UNAUTHORIZED = ("not_authed", "invalid_auth", "token_revoked", "token_expired", "account_inactive")


class FileDoor:
    def __init__(self, store: ObjectStore, uploads: UploadDoor, require_bearer: RequireBearer) -> None:
        self._store = store
        self._uploads = uploads
        self._require_bearer = require_bearer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        parts = scope["path"].removeprefix(PREFIX).split("/")[1:]
        if parts[:1] == ["upload"] and len(parts) == 2:
            return await self._uploads(scope, receive, send, parts[1])
        if scope["method"] not in ("GET", "HEAD"):
            return await refuse(send, 405, "invalid_http_method", [(b"allow", b"GET, HEAD")])
        try:
            handout = await self._find(scope, parts)
        except DomainError as error:
            return await _refuse(send, error)
        if handout is None:
            return await refuse(send, 404, "file_not_found")
        return await hand_out(self._store, handout, scope, send)

    async def _find(self, scope: Scope, parts: list[str]) -> Handout | None:
        tenant: Tenant = scope[TENANT_KEY]
        match parts:
            case [file_id, "public", secret]:
                public = await _public(tenant, file_id, secret)
                return None if public is None else whole(public, public=True)
            case [file_id, _] | [file_id, "view", _]:
                return whole(await self._require(scope, tenant, file_id))
            case [file_id, "download", _]:
                return whole(await self._require(scope, tenant, file_id), download=True)
            case [file_id, size, _] if size.startswith("thumb_"):
                file, edge = await self._require(scope, tenant, file_id), size.removeprefix("thumb_")
                thumb = file.media.thumbs.get(edge)
                return None if thumb is None else thumbnail(file, edge, thumb)
        return None

    async def _require(self, scope: Scope, tenant: Tenant, file_id: str) -> File:
        """The file, for who may see it at this moment. Raises DomainError."""
        given = header(scope["headers"], b"authorization")
        if given[: len(_BEARER)].lower() != _BEARER:
            raise NotAuthed
        bearer = await self._require_bearer(tenant, given[len(_BEARER) :].strip()[:TOKEN_LENGTH_MAX])
        if SCOPE not in bearer.scopes:
            raise MissingScope(SCOPE, bearer.scopes_shown)
        async with tenant.reading() as connection:
            file = await require_seen(connection, tenant.scope, file_id, Viewer(bearer.user_id, bearer.role))
        if file.scan.withheld:
            raise Withheld
        return file


class Withheld(DomainError):
    """Not scanned yet, or found to be harmful."""

    code = "file_quarantined"


async def _public(tenant: Tenant, file_id: str, secret: str) -> File | None:
    async with tenant.reading() as connection:
        file = await Files(connection, tenant.scope).get(file_id)
    if file is None or file.state is not FileState.READY or not file.public_secret or file.scan.withheld:
        return None
    return file if hmac.compare_digest(file.public_secret.encode(), secret.encode()) else None


async def _refuse(send: Send, error: DomainError) -> None:
    if error.code in _UNAUTHORIZED:
        return await refuse(send, 401, error.code, [(b"www-authenticate", b"Bearer")])
    status = 403 if isinstance(error, MissingScope | Withheld) else 404
    return await refuse(send, status, error.code)
