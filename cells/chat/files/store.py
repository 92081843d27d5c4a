"""Where the bytes lie: a folder, or a bucket, through obstore. Objects are written once, under keys that are never used again.

A body passes in parts: at most PART_BYTES x PARTS_TOGETHER of it are in memory, and whoever sends is held back by that.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import LocalStore, MemoryStore, S3Store

from cells.chat.files.settings import FileSettings
from chassis.errors import SettingsError

PART_BYTES = 5 << 20
"""The least that S3 takes as a part."""
PARTS_TOGETHER = 2
CHUNK_BYTES = 128 << 10
SETTLE_BYTES = 32 << 20
SIGNED_S = 300
RETRIES_MAX = 3
RETRY_S_MAX = 20
REQUEST_S_MAX = 300
IDENTITY = "store-identity"
NOWHERE = "memory://"
"""Where nothing is configured, and so nothing is put."""
_STORE = "WAGGLE_CELL_FILES_STORE"


class ObjectMissing(Exception):
    """There is no object of that key."""


class Writer(Protocol):
    async def write(self, data: bytes, /) -> int: ...


class ObjectStore:
    def __init__(self, store: Any, url: str, folder: Path | None = None, *, redirects: bool = False) -> None:
        self._store = store
        self._folder = folder
        self.url = url
        self.redirects = redirects

    @asynccontextmanager
    async def writing(self, key: str, mimetype: str = "application/octet-stream", shown: str = "attachment") -> AsyncIterator[Writer]:
        """The object is there, and survives a power cut, once the block ends; where it raises, nothing is.

        `shown`: how a bucket hands it out by itself."""
        attributes = {"Content-Type": mimetype, "Content-Disposition": shown} if self._folder is None else None
        opened: Any = obstore.open_writer_async(
            self._store, key, buffer_size=PART_BYTES, max_concurrency=PARTS_TOGETHER, attributes=attributes
        )
        async with opened as writer:
            yield writer if self._folder is None else _Steady(writer, self._folder / key)
        if self._folder is not None:
            await asyncio.to_thread(_to_disk, self._folder / key)

    async def put(self, key: str, data: bytes, mimetype: str) -> None:
        async with self.writing(key, mimetype) as writer:
            await writer.write(data)

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` to before `end`, in chunks; fetched as they are taken. Raises ObjectMissing."""
        options: Any = {"range": (start, end)} if end is not None else ({"range": {"offset": start}} if start else None)
        try:
            found = await obstore.get_async(self._store, key, options=options)
        except FileNotFoundError as error:
            raise ObjectMissing(key) from error
        async for chunk in found.stream(min_chunk_size=CHUNK_BYTES):
            yield bytes(chunk)

    async def size(self, key: str) -> int | None:
        """None where there is no such object."""
        try:
            return int((await obstore.head_async(self._store, key))["size"])
        except FileNotFoundError:
            return None

    async def remove(self, key: str) -> None:
        """Nothing happens where there is none. What a killed writer left of it goes too."""
        with suppress(FileNotFoundError):
            await obstore.delete_async(self._store, key)
        if self._folder is not None:
            await asyncio.to_thread(_sweep, self._folder / key)

    async def list(self, prefix: str) -> AsyncIterator[tuple[str, int]]:
        """Keys and sizes, in no order."""
        async for page in obstore.list(self._store, prefix=prefix, chunk_size=200):
            for found in page:
                yield found["path"], found["size"]

    async def identity(self) -> str:
        """Of the store itself, kept in it: the same path on two machines is two stores, one bucket by two names is one."""
        try:
            with suppress(AlreadyExistsError):
                await obstore.put_async(self._store, IDENTITY, secrets.token_hex(16).encode(), mode="create")
            return bytes(await (await obstore.get_async(self._store, IDENTITY)).bytes_async()).decode()
        except FileNotFoundError as error:
            raise ObjectMissing(IDENTITY) from error

    async def sign(self, key: str) -> str:
        """An address of the store itself, good for SIGNED_S, for whoever holds it."""
        return str(await obstore.sign_async(self._store, "GET", key, timedelta(seconds=SIGNED_S)))


class _Steady:
    """Brings what was written to the disk now and then: the end of a large file waits for no more than the last of it, and whoever
    sends is held to the disk's pace, not the page cache's."""

    def __init__(self, writer: Writer, path: Path) -> None:
        self._writer = writer
        self._path = path
        self._unsettled = 0

    async def write(self, data: bytes, /) -> int:
        written = await self._writer.write(data)
        self._unsettled += len(data)
        if self._unsettled >= SETTLE_BYTES:
            self._unsettled = 0
            await asyncio.to_thread(_parts_to_disk, self._path)
        return written


def _parts_to_disk(path: Path) -> None:
    for part in path.parent.glob(f"{path.name}#*"):
        opened = os.open(part, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _to_disk(path: Path) -> None:
    """obstore leaves that to the system; an answer given here is kept."""
    for place in (path, path.parent):
        opened = os.open(place, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _sweep(path: Path) -> None:
    """obstore writes `key#n` and renames at the end; folders that are empty then are of no use."""
    for left in path.parent.glob(f"{path.name}#*"):
        left.unlink(missing_ok=True)
    try:
        path.parent.rmdir()
    except OSError:
        return  # not empty, or not there


def open_store(settings: FileSettings) -> ObjectStore:
    """Raises SettingsError for an address that names no store."""
    url = settings.store or NOWHERE
    parts = urlsplit(url)
    match parts.scheme:
        case "file" if parts.path.startswith("/") and not parts.netloc:
            folder = Path(unquote(parts.path))
            return ObjectStore(LocalStore(folder, mkdir=True), url, folder)
        case "s3" if parts.netloc:
            return ObjectStore(_bucket(settings, parts.netloc, parts.path.strip("/")), url, redirects=settings.redirect)
        case "memory":
            return ObjectStore(MemoryStore(), url)
    raise SettingsError(f"{_STORE}: {settings.store!r} is not allowed; it must be file:///folder, s3://bucket/prefix or memory://")


def _bucket(settings: FileSettings, bucket: str, prefix: str) -> S3Store:
    given: dict[str, Any] = {"region": settings.s3_region}
    if settings.s3_endpoint:
        given |= {"endpoint": settings.s3_endpoint, "virtual_hosted_style_request": False}
    if settings.s3_key_id:
        given |= {"access_key_id": settings.s3_key_id, "secret_access_key": settings.s3_secret or ""}
    plain = (settings.s3_endpoint or "").startswith("http://")
    bounded: Any = {"max_retries": RETRIES_MAX, "retry_timeout": timedelta(seconds=RETRY_S_MAX)}
    client: Any = {"allow_http": plain, "timeout": timedelta(seconds=REQUEST_S_MAX)}
    return S3Store(bucket, prefix=prefix or None, client_options=client, retry_config=bounded, **given)
