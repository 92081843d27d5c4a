"""Files inside messages, as they are when the message is read: a message keeps what it was posted with, which ages."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.files.events import Site, file_face
from cells.chat.domain.files.file import File
from cells.chat.domain.files.repository import Files
from cells.runtime.tenancy import TenantScope


async def hydrate(connection: AsyncConnection, scope: TenantScope, faces: Sequence[dict[str, Any]], base: str) -> None:
    """Put today's files into messages' faces; asks the database only where a face has any. `base`: scheme and host."""
    ids = {file["id"] for face in faces for file in face.get("files", ()) if isinstance(file, dict) and "id" in file}
    if not ids:
        return
    found = await Files(connection, scope).get_many(ids)
    site = Site(base, scope.workspace_id)
    for face in faces:
        if face.get("files"):
            face["files"] = [_today(file, found, site) for file in face["files"] if isinstance(file, dict)]


def _today(file: dict[str, Any], found: Mapping[str, File], site: Site) -> dict[str, Any]:
    """A file that never was here is what an import says of it."""
    known = found.get(file.get("id", ""))
    return file_face(known, site) if known else file
