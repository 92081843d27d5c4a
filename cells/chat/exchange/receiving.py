"""Content of files on its way from the archive to the store, piece by piece."""

import hashlib
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from cells.chat.domain.files.file import Content
from cells.chat.domain.imports.standing import Import
from cells.chat.exchange.batches import place_of
from cells.chat.exchange.storing_files import BeginContent, TakeContent
from cells.chat.files.dispositions import disposition
from cells.chat.files.intake import Intake, object_key
from cells.chat.files.kinds import HEAD_BYTES, kind_of, preview_of
from cells.chat.files.store import Writer
from cells.runtime.workload import Tenant
from protos.exchange.v1 import exchange_pb2


@dataclass
class _Incoming:
    """The file whose pieces come now; without a writer they are passed over."""

    key: str
    bytes_max: int
    why: str
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    writer: Writer | None = None
    digest: Any = field(default_factory=hashlib.sha256)
    size: int = 0
    head: bytes = b""


class Receiving:
    def __init__(self, tenant: Tenant, intake: Intake) -> None:
        self._tenant = tenant
        self._intake = intake
        self._now: _Incoming | None = None

    async def take(self, import_id: str, piece: exchange_pb2.Upload) -> Import | None:
        """Where the import stands, once the file is whole."""
        incoming = self._now or await self._begin(piece)
        self._now = incoming
        if incoming.writer is not None:
            await self._write(incoming, piece.body)
        if not piece.last:
            return None
        self._now = None
        content = await self._end(incoming, piece.name)
        start, end = place_of(getattr(piece, "from")), place_of(piece.to)
        settings = self._intake.settings
        taken = TakeContent(import_id, start, end, piece.file_id, piece.name, content, incoming.why, settings.clamd is not None)
        return await self._tenant.commit(taken)

    async def abandon(self) -> None:
        """What is not whole is not kept."""
        if self._now is not None and self._now.writer is not None:
            await self._now.stack.__aexit__(ConnectionError, ConnectionError("the archive ended in the middle"), None)
        self._now = None

    async def _begin(self, piece: exchange_pb2.Upload) -> _Incoming:
        if self._intake.settings.store is None:
            return _Incoming("", 0, "files have no store here")
        key = object_key(self._tenant, piece.file_id)
        bytes_max = await self._tenant.commit(BeginContent(piece.file_id, key))
        incoming = _Incoming(key, bytes_max, "" if bytes_max else "it is here already, or no message refers to it, or there is no room")
        if bytes_max:
            incoming.head = piece.body[:HEAD_BYTES]
            kind = kind_of(incoming.head, piece.name)
            writing = self._intake.store.writing(key, kind.mimetype, disposition(piece.name, inline=kind.inline).decode())
            incoming.writer = await incoming.stack.enter_async_context(writing)
        return incoming

    async def _write(self, incoming: _Incoming, body: bytes) -> None:
        assert incoming.writer is not None
        incoming.size += len(body)
        if incoming.size > incoming.bytes_max:
            await incoming.stack.__aexit__(ValueError, ValueError("too large"), None)
            incoming.writer, incoming.why = None, f"more than {incoming.bytes_max} bytes"
            return
        incoming.digest.update(body)
        await incoming.writer.write(body)

    @staticmethod
    async def _end(incoming: _Incoming, name: str) -> Content | None:
        if incoming.writer is None:
            return None
        await incoming.stack.aclose()
        kind = kind_of(incoming.head, name)
        preview = preview_of(incoming.head) if kind.mimetype.startswith("text/") else ""
        mode = "snippet" if kind.mimetype == "text/plain" else "hosted"
        return Content(incoming.key, incoming.size, incoming.digest.hexdigest(), kind.mimetype, kind.filetype, mode, preview)
