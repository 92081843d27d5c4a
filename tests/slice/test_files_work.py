"""What workers do with files: look into them apart and under limits, ask the scanner, remove what nothing takes, each once."""

import asyncio
import io
import json
import os
import struct
import urllib.request
import zipfile
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import docx
import pytest
from PIL import Image

from cells.chat.domain.files.repository import Texts
from cells.chat.domain.files.work import FinishDigest
from cells.chat.files.attachments import StoredAttachments
from cells.chat.files.digesting import look_apart
from cells.chat.files.settings import FileSettings
from cells.chat.files.store import open_store
from cells.chat.workload import chat
from cells.runtime.bus import Claims
from cells.runtime.jobs import Errands
from cells.runtime.log import Tenants
from cells.runtime.log.tables import due
from cells.runtime.tenancy import TenancyTable
from chassis.clock import SystemClock
from tests.harness.chat import Chat, Workspace
from tests.harness.clamd import EICAR, a_clamd
from tests.harness.databases import FreshDatabase
from tests.harness.s3 import a_bucket
from tests.harness.workspaces import a_log, execute
from tests.slice.test_files import fetch, upload

pytestmark = pytest.mark.anyio
CLOCK = SystemClock()
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


class Yard:
    """A workspace, its worker, and the folder that its files lie in."""

    def __init__(self, acme: Workspace, errands: Errands, folder: Path, owner_url: str) -> None:
        self.acme, self.errands, self.folder, self._owner_url = acme, errands, folder, owner_url

    async def work(self) -> None:
        await self.errands.tenants.table.refresh()
        await self.errands.step()
        await self.errands.settle()

    async def owed(self) -> list[str]:
        async with self.acme.tenant.reading() as connection:
            return sorted(row.name for row in await connection.execute(due.select()) if row.name.startswith("file."))

    async def hurry(self, name: str = "%") -> None:
        """What waits for its time is due."""
        await execute(self._owner_url, "UPDATE due SET due_us = 1 WHERE name LIKE $1", name)

    def files(self) -> list[str]:
        return sorted(
            str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file() and path.name != "store-identity"
        )


@asynccontextmanager
async def a_yard(databases: FreshDatabase, place: Path | str, **more: Any) -> AsyncIterator[Yard]:
    """Files lie in a folder, or at the address of a bucket."""
    folder = place if isinstance(place, Path) else Path("/nowhere")
    settings = FileSettings(store=place if isinstance(place, str) else place.as_uri(), **more)
    async with a_log(databases.app_url) as (database, log):
        workload = chat(CLOCK, Claims(None, CLOCK), files=settings)
        acme = await Chat(databases, workload, database, log).found("acme")
        errands = Errands(workload.errands, Tenants(TenancyTable(database), database, log), CLOCK)
        yield Yard(acme, errands, folder, databases.owner_url)


@pytest.fixture
async def yard(cell_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[Yard]:
    async with a_yard(cell_database, tmp_path / "files") as yard:
        yield yard


def a_picture(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 60)).save(out, "JPEG")
    return out.getvalue()


async def info(yard: Yard, file_id: str) -> dict[str, Any]:
    face: dict[str, Any] = (await yard.acme.owner.call("files.info", file=file_id))["file"]
    return face


async def test_a_picture_gets_thumbnails_once(yard: Yard) -> None:
    owner = yard.acme.owner
    face = await upload(owner, "p.jpg", a_picture(800, 400), channel_id=yard.acme.general)
    assert await yard.owed() == ["file.digest"]
    head = await yard.acme.head()
    await yard.work()
    seen = await info(yard, face["id"])
    assert (seen["original_w"], seen["original_h"], seen["thumb_360_w"], seen["thumb_360_h"]) == (800, 400, 360, 180)
    assert "thumb_720" in seen and "thumb_960" not in seen
    got = await fetch(owner, seen["thumb_80"])
    assert Image.open(io.BytesIO(got.body)).size == (80, 80) and got.headers["content-type"] == "image/png"
    assert await yard.owed() == []
    [change] = [event for event in await yard.acme.events(head) if event.kind == "file_change"]
    assert yard.acme.general in change.audience and json.loads(change.payload)["file_id"] == face["id"]
    kept = yard.files()
    await yard.work()
    assert yard.files() == kept


async def test_text_of_documents_is_kept_for_search(yard: Yard) -> None:
    document, out = docx.Document(), io.BytesIO()
    document.add_paragraph("Der Quartalsbericht")
    document.save(out)
    found = {}
    for name, body in (("a.docx", out.getvalue()), ("b.py", b"def f():\n    return 'x'\n"), ("c.bin", b"\x00\x01")):
        face = await upload(yard.acme.owner, name, body)
        await yard.work()
        async with yard.acme.tenant.reading() as connection:
            found[name] = await Texts(connection, yard.acme.scope).get(face["id"])
    assert found == {"a.docx": "Der Quartalsbericht", "b.py": "def f():\n    return 'x'", "c.bin": ""}
    assert await yard.owed() == []


@pytest.mark.parametrize("kind", ["bomb", "endless", "fat", "unfolding"])
async def test_hostile_files_cost_a_child_and_nothing_else(tmp_path: Path, kind: str) -> None:
    """A picture that says it is huge, a child that does not end, one that wants all memory, a document that unfolds without end."""
    source, filetype, limits, told = tmp_path / "source", "png", FileSettings(), "pixels"
    if kind == "bomb":
        head = b"IHDR" + struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
        data = b"\x00\x00\x00\x00IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
        source.write_bytes(PNG_MAGIC + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head)) + data)
    if kind == "fat":
        Image.new("1", (7_000, 7_000)).save(source, "PNG")
        limits, told = FileSettings(digest_mib=256), "MemoryError"
    if kind == "endless":
        os.mkfifo(source)
        filetype, limits, told = "text", FileSettings(digest_s=1.5), "more than 1.5 s"
    if kind == "unfolding":
        with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as zipped:
            zipped.writestr("word/document.xml", b"\x00" * (80 << 20))
        filetype, told = "docx", "too much"
    assert told in (await look_apart(filetype, source, tmp_path, limits))["problem"]


async def test_what_cannot_be_looked_into_is_given_up(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt is counted before it is made: a worker that dies over it leaves it counted."""

    async def dies(*_: object) -> None:
        raise RuntimeError("as if it were killed")

    face = await upload(yard.acme.owner, "p.jpg", a_picture(100, 100))
    with monkeypatch.context() as patch:
        patch.setattr("cells.chat.files.digesting.look_apart", dies)
        for _ in range(4):
            await yard.hurry("file.digest")
            await yard.work()
    assert [name for name in await yard.owed() if name == "file.digest"] == []
    assert "thumb_64" not in await info(yard, face["id"])
    await yard.hurry()
    for _ in range(12):
        await yard.work()
    assert await yard.owed() == [] and len(yard.files()) == 1


async def test_bytes_go_with_the_file_and_with_uploads_nobody_completed(yard: Yard) -> None:
    owner = yard.acme.owner
    face = await upload(owner, "d.txt", b"deleted")
    opened = await owner.call("files.getUploadURLExternal", filename="x", length=3)
    assert len(yard.files()) == 1
    await owner.call("files.delete", file=face["id"])
    await yard.work()
    assert yard.files() == [] and opened["ok"]


async def test_nothing_is_handed_out_before_the_scanner_said_it_is_clean(cell_database: FreshDatabase, tmp_path: Path) -> None:
    async with a_clamd() as clamd, a_yard(cell_database, tmp_path / "files", clamd=clamd.address) as yard:
        owner = yard.acme.owner
        good, bad = await upload(owner, "g.txt", b"good"), await upload(owner, "b.txt", b"x" * 100_000 + EICAR)
        assert (good["file_access"], "url_private" in good) == ("being_scanned", False)
        url = f"/files/{yard.acme.scope.workspace_id}/%s/x"
        assert (await fetch(owner, url % good["id"])).status == 403
        clamd.away = True
        await yard.work()
        assert await yard.owed() == ["file.scan", "file.scan"]
        clamd.away = False
        await yard.hurry("file.scan")
        await yard.work()
        assert sorted(clamd.scanned) == [4, 100_000 + len(EICAR)]
        assert (await fetch(owner, (await info(yard, good["id"]))["url_private"])).body == b"good"
        assert (await info(yard, bad["id"]))["file_access"] == "quarantined"
        assert (await fetch(owner, url % bad["id"])).status == 403
        assert (await owner.call("files.sharedPublicURL", file=bad["id"]))["error"] == "not_allowed"
        assert await yard.owed() == ["file.digest"]


async def test_a_worker_that_dies_before_it_says_so_is_followed_by_one_that_does_it_once(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thumbnails lie in the store, the change that takes them was never made: the next worker makes its own, the first ones go."""
    face = await upload(yard.acme.owner, "p.jpg", a_picture(100, 100))
    head = await yard.acme.head()

    async def killed(*_: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(FinishDigest, "apply", killed)
        await yard.work()
    assert len(yard.files()) == 1 + 3 and "thumb_64" not in await info(yard, face["id"])
    await yard.hurry("file.digest")
    await yard.work()
    assert len(yard.files()) == 1 + 6
    await yard.hurry()
    for _ in range(4):
        await yard.work()
    assert len(yard.files()) == 1 + 3 and await yard.owed() == []
    assert (await fetch(yard.acme.owner, (await info(yard, face["id"]))["thumb_64"])).status == 200
    assert [event.kind for event in await yard.acme.events(head)] == ["file_change"]


async def test_in_a_bucket_large_files_go_in_parts_and_downloads_are_sent_there(cell_database: FreshDatabase) -> None:
    with a_bucket() as bucket:
        s3: dict[str, Any] = {"s3_endpoint": bucket.url, "s3_key_id": "k", "s3_secret": "s", "redirect": True}
        async with a_yard(cell_database, "s3://bucket/waggle", **s3) as yard:
            body = b"%PDF-1.7\n" + bytes(range(256)) * (11 << 12)
            face = await upload(yard.acme.owner, "l.pdf", body)
            assert max(bucket.puts) <= 5 << 20 < len(body)
            sent = await fetch(yard.acme.owner, face["url_private"])
            assert (sent.status, sent.headers["cache-control"]) == (302, "no-store")
            with await asyncio.to_thread(urllib.request.urlopen, sent.headers["location"], timeout=10) as answer:
                assert answer.read() == body
                assert answer.headers["content-type"] == "application/pdf" and answer.headers["content-disposition"].startswith(
                    "attachment"
                )
            assert (await fetch(yard.acme.bot, face["url_private"])).status == 404
            kept = StoredAttachments(open_store(FileSettings(store="s3://bucket/waggle", **s3)))
            assert [size async for _, size in kept.list(yard.acme.scope.workspace_id)] == [len(body)]
            await yard.acme.owner.call("files.delete", file=face["id"])
            await yard.work()
            assert list(bucket.objects) == [] and await yard.owed() == []


async def test_attachments_are_listed_by_workspace_and_written_whole(tmp_path: Path) -> None:
    kept = StoredAttachments(open_store(FileSettings(store=(tmp_path / "a").as_uri())))
    other = StoredAttachments(open_store(FileSettings(store=(tmp_path / "b").as_uri())))

    async def cut() -> AsyncIterator[bytes]:
        yield b"x" * 100
        raise OSError("the line broke")

    with pytest.raises(OSError, match="broke"):
        await kept.write("T1/F1/a", cut())
    assert await kept.size("T1/F1/a") is None
    assert await kept.place() == await kept.place() != await other.place()
    left = tmp_path / "a" / "T1" / "F1" / "a#1"  # of a writer that was killed
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    await kept.store.remove("T1/F1/a")
    assert not left.exists()
