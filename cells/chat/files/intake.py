"""Bytes on their way in: hashed, looked at, written to the store as they come, taken by their file at the end."""

import hashlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass

from cells.chat.domain.files.errors import ContentTaken, UploadNotOpen, UploadsDisabled
from cells.chat.domain.files.file import UNKNOWN_SIZE, Content, File, FileState
from cells.chat.domain.files.repository import Files
from cells.chat.domain.files.uploading import BeginUpload, OpenUpload, ReceiveUpload
from cells.chat.files.dispositions import disposition
from cells.chat.files.kinds import HEAD_BYTES, kind_of, preview_of
from cells.chat.files.settings import FileSettings
from cells.chat.files.store import ObjectStore
from cells.runtime.workload import Tenant


class TooManyBytes(Exception):
    """More than the file may have; nothing is kept."""

    def __init__(self, bytes_max: int) -> None:
        super().__init__(f"more than {bytes_max} bytes")
        self.bytes_max = bytes_max


class LengthMismatch(Exception):
    """Not as many bytes as were announced; nothing is kept."""

    def __init__(self, announced: int, came: int) -> None:
        super().__init__(f"{announced} bytes were announced, {came} came")


def object_key(tenant: Tenant, file_id: str, suffix: str = "") -> str:
    """A new one each time: what is being written never meets what is being read."""
    return f"{tenant.scope.workspace_id}/{file_id}/{secrets.token_hex(8)}{suffix}"


@dataclass(frozen=True, slots=True)
class Intake:
    store: ObjectStore
    settings: FileSettings

    async def open(self, tenant: Tenant, opening: OpenUpload) -> File:
        """A file that waits for its bytes. Raises UploadsDisabled, FileTooLarge, StorageFull."""
        if self.settings.store is None:
            raise UploadsDisabled
        return await tenant.commit(opening)

    async def receive(self, tenant: Tenant, file_id: str, chunks: AsyncIterator[bytes]) -> File:
        """The file, with its bytes. Raises UploadNotOpen, StorageFull, ContentTaken; TooManyBytes, LengthMismatch; what `chunks` raises."""
        key = object_key(tenant, file_id)
        try:
            file, bytes_max = await tenant.commit(BeginUpload(file_id, key))
        except UploadNotOpen:
            return await self._again(tenant, file_id, chunks)
        content = await self._write(key, file.name, chunks, bytes_max)
        if file.size not in (UNKNOWN_SIZE, content.size):
            raise LengthMismatch(file.size, content.size)
        return await tenant.commit(ReceiveUpload(file_id, content, scanned=self.settings.clamd is not None))

    async def _write(self, key: str, name: str, chunks: AsyncIterator[bytes], bytes_max: int) -> Content:
        digest, size = hashlib.sha256(), 0
        head, rest = await _head_of(chunks)
        kind = kind_of(head[:HEAD_BYTES], name)
        async with self.store.writing(key, kind.mimetype, disposition(name, inline=kind.inline).decode()) as writer:
            async for chunk in _joined(head, rest):
                size += len(chunk)
                if size > bytes_max:
                    raise TooManyBytes(bytes_max)
                digest.update(chunk)
                await writer.write(chunk)
        mode = "snippet" if kind.mimetype == "text/plain" else "hosted"
        preview = preview_of(head[:HEAD_BYTES]) if kind.mimetype.startswith("text/") else ""
        return Content(key, size, digest.hexdigest(), kind.mimetype, kind.filetype, mode, preview)

    async def _again(self, tenant: Tenant, file_id: str, chunks: AsyncIterator[bytes]) -> File:
        """A client that lost the answer sends once more: the same bytes are welcome, and not stored again."""
        async with tenant.reading() as connection:
            file = await Files(connection, tenant.scope).get(file_id)
        if file is None or file.state not in (FileState.RECEIVED, FileState.READY):
            raise UploadNotOpen
        digest, size = hashlib.sha256(), 0
        async for chunk in chunks:
            size += len(chunk)
            if size > file.size:
                raise ContentTaken
            digest.update(chunk)
        if digest.hexdigest() != file.etag:
            raise ContentTaken
        return file


async def _head_of(chunks: AsyncIterator[bytes]) -> tuple[bytes, AsyncIterator[bytes]]:
    """What is looked at before anything is written, and what comes after it."""
    head = bytearray()
    async for chunk in chunks:
        head += chunk
        if len(head) >= HEAD_BYTES:
            break
    return bytes(head), chunks


async def _joined(head: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if head:
        yield head
    async for chunk in rest:
        yield chunk
