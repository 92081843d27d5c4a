"""Files inside messages, as they are when the message is read: a message keeps what it was posted with, which ages."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.files.events import Site, file_face, tombstone
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
            files = [found.get(file.get("id", "")) or file.get("id", "") for file in face["files"]]
            face["files"] = [tombstone(file) if isinstance(file, str) else file_face(file, site) for file in files]
