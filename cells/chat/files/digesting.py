"""A worker's part in looking into files: fetch, let a child look, keep what it found, once."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import Counter

from cells.chat.domain.files.file import File, Media, Thumb
from cells.chat.domain.files.repository import Files
from cells.chat.domain.files.work import BeginDigest, FinishDigest
from cells.chat.files.intake import object_key
from cells.chat.files.looking import EDGES
from cells.chat.files.settings import FileSettings
from cells.chat.files.store import ObjectStore
from cells.runtime.workload import Tenant

IMAGES = ("png", "jpg", "gif", "webp", "bmp", "tiff", "ico", "avif")
DOCUMENTS = ("pdf", "docx")
LOOKED_INTO_BYTES_MAX = 64 << 20
FOUND_BYTES_MAX = 4 << 20
NOTHING: Mapping[str, Any] = {}

DIGESTED = Counter("waggle_files_digested_total", "Files looked into for thumbnails and text", ["outcome"])
_log = structlog.get_logger("files.digest")


@dataclass(frozen=True, slots=True)
class Digesting:
    store: ObjectStore
    settings: FileSettings

    async def digest(self, tenant: Tenant, file_id: str) -> None:
        """An errand. A file that kills its children is given up after some attempts, and stays without thumbnails."""
        async with tenant.reading() as connection:
            file = await Files(connection, tenant.scope).get(file_id)
        kind = "" if file is None else _kind(file)
        keys = {edge: object_key(tenant, file_id, f"-{edge}.png") for edge in (map(str, EDGES) if kind in IMAGES else ())}
        begun = await tenant.commit(BeginDigest(file_id, tuple(keys.values())))
        if begun is None:
            return
        with tempfile.TemporaryDirectory(prefix="waggle-digest-") as name:
            folder = Path(name)
            found = await self._look(begun, kind, folder) if kind else NOTHING
            media = await self._keep(found, folder, keys)
        await tenant.commit(FinishDigest(file_id, media, str(found.get("text", "")), tuple(keys.values())))
        DIGESTED.labels("problem" if "problem" in found else "done").inc()
        if "problem" in found:
            _log.info("a file cannot be looked into", workspace_id=tenant.scope.workspace_id, file_id=file_id, problem=found["problem"])

    async def _look(self, file: File, kind: str, folder: Path) -> Mapping[str, Any]:
        source = folder / "source"
        with source.open("wb") as opened:
            async for chunk in self.store.read(file.object_key):
                await asyncio.to_thread(opened.write, chunk)
        return await look_apart(kind, source, folder, self.settings)

    async def _keep(self, found: Mapping[str, Any], folder: Path, keys: Mapping[str, str]) -> Media:
        thumbs: dict[str, Thumb] = {}
        for edge, seen in found.get("thumbs", {}).items():
            data = await asyncio.to_thread((folder / seen["file"]).read_bytes)
            await self.store.put(keys[edge], data, "image/png")
            thumbs[edge] = Thumb(keys[edge], seen["width"], seen["height"], size=len(data))
        return Media(found.get("width", 0), found.get("height", 0), thumbs)


def _kind(file: File) -> str:
    """What a child would look for; empty: nothing."""
    if file.size > LOOKED_INTO_BYTES_MAX or not file.size:
        return ""
    if file.mimetype.startswith("text/"):
        return "text"
    return file.filetype if file.filetype in IMAGES + DOCUMENTS else ""


async def look_apart(kind: str, source: Path, folder: Path, settings: FileSettings) -> Mapping[str, Any]:
    """What a child of its own found; `problem` where it could not, or was stopped by a limit."""
    command = (sys.executable, "-m", "cells.chat.files.child", kind, str(source), str(folder))
    limits = (str(settings.digest_mib), str(int(settings.digest_s) + 1))
    child = await asyncio.create_subprocess_exec(
        *command,
        *limits,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,
        cwd=folder,
    )
    assert child.stdout is not None
    try:
        async with asyncio.timeout(settings.digest_s):
            said = await _read(child.stdout)
            status = await child.wait()
    except TimeoutError:
        return {"problem": f"it took more than {settings.digest_s:g} s"}
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
    return _found(said) if status == 0 else {"problem": f"the child ended with {status}"}


async def _read(stream: asyncio.StreamReader) -> bytes:
    said = bytearray()
    while chunk := await stream.read(1 << 16):
        said += chunk
        if len(said) > FOUND_BYTES_MAX:
            return b""
    return bytes(said)


def _found(said: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(said)
    except ValueError:
        return {"problem": "the child said nothing that can be read"}
    return found if isinstance(found, dict) else {"problem": "the child said no object"}
