"""Asking clamd (its INSTREAM command) whether a file is clean. While it is away the file waits, unseen: that is what it is for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from cells.chat.domain.files.repository import Files
from cells.chat.domain.files.work import FinishScan, ForgetScan
from cells.chat.files.settings import FileSettings
from cells.chat.files.store import ObjectMissing, ObjectStore
from cells.runtime.workload import Tenant

CONNECT_S_MAX = 5.0
ANSWER_S_MAX = 45.0
ANSWER_BYTES_MAX = 4096
_log = structlog.get_logger("files.scan")


class ScannerAway(Exception):
    """No answer, or none that says clean or found."""


@dataclass(frozen=True, slots=True)
class Scanning:
    store: ObjectStore
    settings: FileSettings

    async def scan(self, tenant: Tenant, file_id: str) -> None:
        """An errand. Where the scanner is away it is done again, for as long as it takes."""
        async with tenant.reading() as connection:
            file = await Files(connection, tenant.scope).get(file_id)
        if file is None or not file.object_key:
            await tenant.commit(ForgetScan(file_id))
            return
        found = await self._ask(file.object_key)
        if found:
            _log.warning("malware in a file", workspace_id=tenant.scope.workspace_id, file_id=file_id, user_id=file.user_id, found=found)
        await tenant.commit(FinishScan(file_id, clean=not found))

    async def _ask(self, key: str) -> str:
        """What was found; empty: nothing. With no scanner configured (any more) everything is clean."""
        if self.settings.clamd is None:
            return ""
        try:
            async with _connected(self.settings.clamd) as (reader, writer):
                await self._send(key, writer)
                async with asyncio.timeout(ANSWER_S_MAX):
                    said = await reader.read(ANSWER_BYTES_MAX)
        except (OSError, TimeoutError, ObjectMissing) as error:
            raise ScannerAway(f"{type(error).__name__}: {error}") from error
        return verdict_of(said)

    async def _send(self, key: str, writer: asyncio.StreamWriter) -> None:
        """Chunks with their length before them, an empty one at the end (man clamd, INSTREAM)."""
        writer.write(b"zINSTREAM\x00")
        async for chunk in self.store.read(key):
            writer.write(len(chunk).to_bytes(4, "big") + chunk)
            async with asyncio.timeout(ANSWER_S_MAX):
                await writer.drain()
        writer.write(bytes(4))
        await writer.drain()


def verdict_of(said: bytes) -> str:
    """`stream: OK` or `stream: NAME FOUND`. Raises ScannerAway for everything else: sizes over its limit, its own errors."""
    text = said.rstrip(b"\x00\n").decode("latin-1")
    name = text.removeprefix("stream: ")
    if name == "OK":
        return ""
    if name.endswith(" FOUND"):
        return name.removesuffix(" FOUND")
    raise ScannerAway(text[:200] or "it hung up")


@asynccontextmanager
async def _connected(address: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with asyncio.timeout(CONNECT_S_MAX):
        if address.startswith("/"):
            reader, writer = await asyncio.open_unix_connection(address)
        else:
            host, _, port = address.rpartition(":")
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    try:
        yield reader, writer
    finally:
        writer.close()
