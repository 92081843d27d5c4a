"""The address that files.getUploadURLExternal gives: whoever holds it may send one file's bytes there, once.

No token. The body is the file as it is, whatever its label says, unless it is multipart: then it is the first file in it.
"""

from collections.abc import AsyncIterator

from cells.chat.domain.errors import DomainError
from cells.chat.domain.files.errors import ContentTaken, UploadNotOpen
from cells.chat.domain.files.file import File
from cells.chat.domain.plans.errors import StorageLimitExceeded
from cells.chat.files.bodies import ClientGone, answer, body_of, header
from cells.chat.files.capabilities import read_capability, write_capability
from cells.chat.files.forms import BadForm, FileBegins, FileEnds, Form
from cells.chat.files.intake import Intake, LengthMismatch, TooManyBytes
from cells.runtime.workload import TENANT_KEY, Receive, Scope, Send, Tenant
from chassis.clock import Clock

PURPOSE = "upload"
_STATUS: dict[type[Exception], tuple[int, str]] = {
    UploadNotOpen: (410, "This upload address is spent or has expired: ask files.getUploadURLExternal for a new one"),
    ContentTaken: (409, "This upload address has received other content already"),
    StorageLimitExceeded: (413, "The workspace's files fill what its plan allows"),
}


def upload_address(tenant: Tenant, base: str, file: File) -> str:
    """`base`: scheme and host as the client came."""
    capability = write_capability(tenant.secret, PURPOSE, file.file_id, file.expires_us // 1_000_000)
    return f"{base}/files/{tenant.scope.workspace_id}/upload/{capability}"


class UploadDoor:
    def __init__(self, intake: Intake, clock: Clock) -> None:
        self._intake = intake
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send, capability: str) -> None:
        if scope["method"] not in ("POST", "PUT"):
            return await answer(send, 405, "Send the file with POST", [(b"allow", b"POST, PUT")])
        tenant: Tenant = scope[TENANT_KEY]
        file_id = read_capability(tenant.secret, PURPOSE, capability, self._clock.now_us() / 1e6)
        if file_id is None:
            return await answer(send, 403, "This upload address is not valid, or has expired")
        try:
            status, text = await self._take(tenant, file_id, scope, receive)
        except ClientGone:
            return None
        return await answer(send, status, text, [(b"cache-control", b"no-store")])

    async def _take(self, tenant: Tenant, file_id: str, scope: Scope, receive: Receive) -> tuple[int, str]:
        try:
            file = await self._intake.receive(tenant, file_id, _file_in(header(scope["headers"], b"content-type"), body_of(receive)))
        except (TooManyBytes, LengthMismatch) as error:
            return (413 if isinstance(error, TooManyBytes) else 400), f"The length is not right: {error}"
        except BadForm as error:
            return 400, f"The form cannot be read: {error}"
        except DomainError as error:
            return _STATUS.get(type(error), (400, error.code))
        return 200, f"OK - {file.size}"


async def _file_in(content_type: str, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The file's bytes."""
    if not content_type.lower().startswith("multipart/form-data"):
        async for chunk in body:
            yield chunk
        return
    form, found = Form(content_type), False
    async for chunk in body:
        for piece in form.feed(chunk):
            found = found or isinstance(piece, FileBegins)
            if not isinstance(piece, FileBegins | FileEnds):
                yield piece
    if not found or not form.ended:
        raise BadForm("it holds no file" if not found else "it ends before its last boundary")
