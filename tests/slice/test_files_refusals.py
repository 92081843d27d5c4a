"""Every word that files.* may answer with, once."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from cells.chat.files.settings import FileSettings
from cells.chat.workload import chat
from cells.runtime.bus import Claims
from chassis.clock import SystemClock
from tests.harness.chat import Chat, ChatClient, Workspace, a_chat
from tests.harness.databases import FreshDatabase
from tests.harness.workspaces import execute
from tests.slice.test_files import send, upload

pytestmark = pytest.mark.anyio
GIB = 1 << 30


@dataclass
class Scene:
    acme: Workspace
    ann: ChatClient
    hidden: str
    closed: str
    mine: str
    """A file of the owner's, shared with everyone."""
    deleted: str
    owner_url: str

    async def opened(self, length: int = 3) -> tuple[str, str]:
        reply = await self.acme.owner.call("files.getUploadURLExternal", filename="x", length=length)
        return reply["file_id"], reply["upload_url"]

    async def fill(self, used_bytes: int) -> None:
        await execute(self.owner_url, "UPDATE file_usage SET used_bytes = $1", used_bytes)


@pytest.fixture
async def scene(cell_database: FreshDatabase) -> AsyncIterator[Scene]:
    async with a_chat(cell_database) as running:
        acme = await running.found("acme")
        ann = await acme.add("ann")
        hidden = (await acme.owner.call("conversations.create", name="hidden", is_private="true"))["channel"]["id"]
        closed = (await acme.owner.call("conversations.create", name="closed"))["channel"]["id"]
        await acme.owner.call("conversations.archive", channel=closed)
        mine = (await upload(acme.owner, "m.txt", b"mine", channel_id=acme.general))["id"]
        deleted = (await upload(ann, "d.txt", b"deleted", channel_id=acme.general))["id"]
        await ann.call("files.delete", file=deleted)
        yield Scene(acme, ann, hidden, closed, mine, deleted, cell_database.owner_url)


UPLOAD = "files.getUploadURLExternal"
COMPLETE = "files.completeUploadExternal"
Word = Callable[[Scene], Awaitable[dict[str, object]]]


def opening(**more: object) -> Word:
    return lambda scene: scene.acme.owner.call(UPLOAD, **{"filename": "x", "length": 3, **more})


def completing(**more: object) -> Word:
    async def show(scene: Scene) -> dict[str, object]:
        file_id, url = await scene.opened()
        assert (await send(scene.acme.owner, url, b"abc")).status == 200
        given = {name: value(scene) if callable(value) else value for name, value in more.items()}
        reply: dict[str, object] = await scene.acme.owner.call(COMPLETE, files=[{"id": file_id}], **given)
        return reply

    return show


def legacy(**more: object) -> Word:
    async def show(scene: Scene) -> dict[str, object]:
        given = {name: value(scene) if callable(value) else value for name, value in more.items()}
        reply: dict[str, object] = await scene.acme.owner.call("files.upload", **{"content": "x", **given})
        return reply

    return show


async def never_sent(scene: Scene) -> dict[str, object]:
    file_id, _ = await scene.opened()
    reply: dict[str, object] = await scene.acme.owner.call(COMPLETE, files=[{"id": file_id}])
    return reply


async def of_another(scene: Scene) -> dict[str, object]:
    reply: dict[str, object] = await scene.ann.call(COMPLETE, files=[{"id": scene.mine}])
    return reply


async def full(scene: Scene, method: str) -> dict[str, object]:
    await scene.fill(10 * GIB)
    reply: dict[str, object] = await scene.acme.owner.call(method, filename="x", length=3, content="abc")
    return reply


async def too_large_a_form(scene: Scene) -> dict[str, object]:
    await scene.fill(10 * GIB - 10)
    form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n' + b"x" * 11 + b"\r\n--b--\r\n"
    reply: dict[str, object] = (await scene.acme.owner.raw("files.upload", form, "multipart/form-data; boundary=b")).json
    return reply


def by(who: str, method: str, which: str) -> Word:
    async def show(scene: Scene) -> dict[str, object]:
        client = scene.ann if who == "ann" else scene.acme.owner
        file_id = getattr(scene, which) if hasattr(scene, which) else which
        reply: dict[str, object] = await client.call(method, file=file_id)
        return reply

    return show


SHARING: dict[str, dict[str, object]] = {
    "channel_not_found": {"channel_id": "C0000000000"},
    "not_in_channel": {},
    "is_archived": {"channel_id": lambda scene: scene.closed},
    "invalid_thread_ts": {"channel_id": lambda scene: scene.acme.general, "thread_ts": "1.000001"},
    "channels_limit_exceeded": {"channel_id": ",".join(f"C{n:010}" for n in range(101))},
}
ON_ONE = ("files.info", "files.delete", "files.sharedPublicURL", "files.revokePublicURL")
WORDS: list[tuple[str, str, Word]] = [
    (UPLOAD, "alt_txt_too_large", opening(alt_txt="x" * 1001)),
    (UPLOAD, "unknown_snippet_type", opening(snippet_type="klingon")),
    (UPLOAD, "snippet_too_large", opening(snippet_type="python", length=(1 << 20) + 1)),
    (UPLOAD, "file_upload_size_restricted", opening(length=GIB + 1)),
    (UPLOAD, "storage_limit_reached", lambda scene: full(scene, UPLOAD)),
    (UPLOAD, "invalid_arguments", opening(length=0)),
    (COMPLETE, "file_not_found", of_another),
    (COMPLETE, "file_not_found", lambda scene: scene.acme.owner.call(COMPLETE, files=[{"id": "none"}])),
    (COMPLETE, "file_update_failed", never_sent),
    (COMPLETE, "invalid_arguments", lambda scene: scene.acme.owner.call(COMPLETE, files="[1]")),
    (COMPLETE, "invalid_blocks", completing(blocks=[{"type": "nothing"}])),
    (COMPLETE, "invalid_blocks_format", completing(blocks="{}x")),
    (COMPLETE, "msg_blocks_too_long", completing(blocks=[{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 200_000}}])),
    *((COMPLETE, word, completing(**given)) for word, given in SHARING.items() if given),
    *(
        ("files.upload", word, legacy(**{"channels" if name == "channel_id" else name: value for name, value in given.items()}))
        for word, given in SHARING.items()
        if given
    ),
    ("files.upload", "no_file_data", legacy(content="")),
    ("files.upload", "storage_limit_reached", lambda scene: full(scene, "files.upload")),
    ("files.upload", "post_contents_too_large", too_large_a_form),
    *((method, "file_not_found", by("owner", method, "F0000000000")) for method in ON_ONE),
    *((method, "file_deleted", by("ann", method, "deleted")) for method in ON_ONE),
    ("files.list", "unknown_type", lambda scene: scene.acme.owner.call("files.list", types="songs")),
    ("files.delete", "cant_delete_file", by("ann", "files.delete", "mine")),
    ("files.sharedPublicURL", "not_allowed", by("ann", "files.sharedPublicURL", "mine")),
]


async def test_each_word(scene: Scene) -> None:
    for method, word, show in WORDS:
        reply = await show(scene)
        assert reply.get("error") == word, (method, word, json.dumps(reply)[:300])
        await scene.fill(0)


async def test_who_is_not_in_a_channel_shares_nothing_there(scene: Scene) -> None:
    dev = (await scene.acme.owner.call("conversations.create", name="dev"))["channel"]["id"]
    opened = await scene.ann.call(UPLOAD, filename="x", length=3)
    await send(scene.ann, opened["upload_url"], b"abc")
    refused = await scene.ann.call(COMPLETE, files=[{"id": opened["file_id"]}], channel_id=dev)
    assert refused["error"] == "not_in_channel"
    assert (await scene.ann.call("files.upload", content="x", channels=dev))["error"] == "not_in_channel"
    assert (await scene.ann.call("files.info", file=opened["file_id"]))["error"] == "file_not_found", "refused whole: not completed either"
    assert (await scene.ann.call(COMPLETE, files=[{"id": opened["file_id"]}], channel_id=scene.acme.general))["ok"]


async def test_a_cell_without_a_store_takes_no_files(cell_database: FreshDatabase) -> None:
    clock = SystemClock()
    async with a_chat(cell_database) as running:
        without = Chat(cell_database, chat(clock, Claims(None, clock), files=FileSettings()), running.database, running.log)
        owner = (await without.found("acme")).owner
        assert (await owner.call(UPLOAD, filename="x", length=3))["error"] == "file_uploads_disabled"
        assert (await owner.call("files.upload", content="x"))["error"] == "file_uploads_disabled"
