"""Files through real processes: unmodified slack_sdk, bodies that stream, a worker that looks, a move that takes them along."""

import hashlib
import http.client
import io
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from tests.harness.eventually import eventually
from tests.harness.memory import MIB, Peaks
from tests.harness.platform import Platform
from tests.harness.slack import Listener, web_client
from tests.system.conftest import Workspace
from tests.system.test_failures import general

pytestmark = [pytest.mark.system, pytest.mark.anyio]
LARGE_MIB = 64
GROWTH_MIB_MAX = 64


def download(url: str, token: str | None, **headers: str) -> http.client.HTTPResponse:
    bearer = {"Authorization": f"Bearer {token}"} if token else {}
    opened: http.client.HTTPResponse = urllib.request.urlopen(urllib.request.Request(url, headers=bearer | headers), timeout=60)
    return opened


def digest_of(response: http.client.HTTPResponse) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while chunk := response.read(MIB):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def send_in_pieces(url: str, pieces: Iterator[bytes], length: int) -> str:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    connection.request("POST", parts.path, body=pieces, headers={"Content-Length": str(length)})
    said = connection.getresponse().read().decode()
    connection.close()
    return said


def a_picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (900, 500), (10, 120, 200)).save(out, "PNG")
    return out.getvalue()


async def test_slack_sdk_uploads_both_ways_and_the_worker_looks(platform: Platform, acme: Workspace) -> None:
    owner = web_client(platform, acme.owner)
    channel, picture = general(owner), a_picture()
    with Listener(platform, acme.bot) as socket:
        done: Any = owner.files_upload_v2(
            file_uploads=[{"content": "hello", "filename": "h.txt"}, {"file": picture, "filename": "p.png", "title": "Pic"}],
            channel=channel,
            initial_comment="two files",
        )
        heard = socket.wait_for(lambda event: event.get("subtype") == "file_share")
    assert [file["title"] for file in heard["files"]] == ["h.txt", "Pic"] and heard["text"] == "two files"
    one, two = done["files"]
    assert download(one["url_private"], acme.owner).read() == b"hello"
    assert download(two["url_private"], acme.bot).read() == picture

    def seen() -> dict[str, Any]:
        face: dict[str, Any] = owner.files_info(file=two["id"])["file"]
        return face if "thumb_360" in face else {}

    face = await eventually(seen)
    assert Image.open(io.BytesIO(download(face["thumb_360"], acme.owner).read())).size == (360, 200)
    with pytest.warns(UserWarning, match="files_upload_v2"):
        legacy: Any = owner.files_upload(channels=channel, file=io.BytesIO(picture), filename="old.png")
    assert legacy["file"]["mimetype"] == "image/png"
    message = owner.conversations_history(channel=channel, limit=1)["messages"][0]
    assert message["files"][0]["id"] == legacy["file"]["id"]
    assert owner.files_delete(file=legacy["file"]["id"])["ok"]


async def test_a_large_file_streams_both_ways_in_little_memory(platform: Platform, acme: Workspace) -> None:
    owner, piece, length = web_client(platform, acme.owner), bytes(range(256)) * 4096, LARGE_MIB * MIB
    opened: Any = owner.files_getUploadURLExternal(filename="large.bin", length=length)
    peaks = Peaks(platform, "router", acme.cell)
    digest = hashlib.sha256()

    def pieces() -> Iterator[bytes]:
        for _ in range(LARGE_MIB):
            digest.update(piece)
            yield piece

    assert send_in_pieces(opened["upload_url"], pieces(), length) == f"OK - {length}"
    done: Any = owner.files_completeUploadExternal(files=[{"id": opened["file_id"], "title": "large"}])
    url = done["files"][0]["url_private"]
    assert digest_of(download(url, acme.owner)) == (digest.hexdigest(), length)
    tail = download(url, acme.owner, Range=f"bytes={length - 256}-")
    assert (tail.status, tail.read()) == (206, bytes(range(256)))
    growth = peaks.growth_mib()
    assert max(growth.values()) < GROWTH_MIB_MAX, growth


async def test_files_follow_their_workspace(platform: Platform, acme: Workspace) -> None:
    owner = web_client(platform, acme.owner)
    bodies = {f"f{n}": f"file {n} ".encode() * (n * 20_000 + 1) for n in range(4)}
    done: Any = owner.files_upload_v2(
        file_uploads=[{"file": body, "filename": name} for name, body in bodies.items()], channel=general(owner)
    )
    urls = {file["name"]: file["url_private"] for file in done["files"]}
    here = platform.home / "cells" / acme.cell / "files" / acme.workspace_id
    there = platform.home / "cells" / "cell-2" / "files" / acme.workspace_id
    before = sorted(str(path.relative_to(here)) for path in here.rglob("*") if path.is_file())
    platform.waggle("move", "start", acme.name, "--to", "cell-2", "--window", "2", "--wait")
    assert {name: download(url, acme.owner).read() for name, url in urls.items()} == bodies
    assert set(before) <= {str(path.relative_to(there)) for path in there.rglob("*") if path.is_file()}
    late: Any = owner.files_upload_v2(content="written after the switch", filename="late.txt", channel=general(owner))
    assert download(late["file"]["url_private"], acme.owner).read() == b"written after the switch"
    assert owner.files_delete(file=late["file"]["id"])["ok"]
    await eventually(lambda: not any(path.is_file() for path in here.rglob("*")), within_s=30)
    assert {name: download(url, acme.owner).read() for name, url in urls.items()} == bodies
