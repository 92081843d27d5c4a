"""A Slack export with every known trouble comes in, and reads back as it was; what was left out is named."""

import json
import os
import re
import shutil
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from control_plane.cli.archives.batches import ITEMS_MAX, batches, stretches, uploads
from control_plane.cli.archives.opening import open_archive
from control_plane.cli.exporting import Exported, Filling
from protos.exchange.v1 import exchange_pb2
from tests.harness.chat import Chat, ChatClient, Workspace, a_chat, exchange
from tests.harness.databases import FreshDatabase
from tests.harness.exports import DERIVED, Expected, Face, an_export, day_of

pytestmark = pytest.mark.anyio
MESSAGES = int(os.environ.get("WAGGLE_TEST_IMPORT_MESSAGES", "5000"))
"""`make imports` sets 100,000."""


class Stopped(Exception):
    """The command line was killed."""


async def bring_in(workspace: Workspace, path: Path, *, batches_max: int | None = None) -> tuple[dict[str, int], list[str]]:
    """Counts and what the notes name. With `batches_max` it stops there as if it were killed: nothing finishes it."""
    counts: dict[str, int] = {}
    notes: list[str] = []
    with open_archive(path) as archive:
        place: list[tuple[int, int]] = []

        async def parts() -> AsyncIterator[bytes]:
            held = [stretch.folder for stretch in stretches(archive) if stretch.kind == "uploads"]
            begin = exchange_pb2.Begin(import_id=archive.fingerprint, name=path.name, uploads=held)
            yield exchange_pb2.ImportPart(begin=begin).SerializeToString()
            for number, batch in enumerate(batches(archive, place[0])):
                if number == batches_max:
                    raise Stopped
                yield exchange_pb2.ImportPart(batch=batch).SerializeToString()
            for upload in uploads(archive, place[0]):
                yield exchange_pb2.ImportPart(upload=upload).SerializeToString()
            yield exchange_pb2.ImportPart(finish=exchange_pb2.Finish()).SerializeToString()

        async for body in workspace.workload.exchanges["workspace.import"](workspace.tenant, parts()):
            answer = exchange_pb2.ImportAnswer.FromString(body)
            if not answer.notes:
                place.append((answer.place.entry, answer.place.line))
            counts = dict(answer.counts) or counts
            notes += [f"{note.kind} {note.what}" for note in answer.notes]
    return counts, notes


async def readers(acme: Workspace, expected: Expected) -> dict[str, ChatClient]:
    """For each folder somebody who is in it."""
    made: dict[str, ChatClient] = {}
    for room in expected.rooms.values():
        if room["members"][0] not in made:
            token = await acme.command("token.create", user=room["members"][0])
            made[room["members"][0]] = acme.client(token["token"], token["user_id"])
    return {folder: made[room["members"][0]] for folder, room in expected.rooms.items()}


async def pages(client: ChatClient, method: str, **arguments: Any) -> list[Face]:
    found: list[Face] = []
    cursor = ""
    while True:
        answer = await client.call(method, **arguments, limit=1000, cursor=cursor)
        assert answer["ok"], answer
        found += answer["messages"]
        cursor = answer["response_metadata"]["next_cursor"]
        if not cursor:
            return found


def plain(face: Face) -> Face:
    """Without what the workspace adds of its own."""
    return {name: value for name, value in face.items() if name not in ("team", *DERIVED)}


def differences(folder: str, answered: list[Face], wanted: dict[str, Face]) -> Iterator[tuple[str, str, Face]]:
    found = {face["ts"]: plain(face) for face in answered}
    assert len(found) == len(answered), "a message is told twice"
    for ts in sorted(found.keys() | wanted.keys()):
        if found.get(ts) != wanted.get(ts):
            ours, theirs = found.get(ts, {}), wanted.get(ts, {})
            yield (
                folder,
                ts,
                {name: (ours.get(name), theirs.get(name)) for name in ours.keys() | theirs if ours.get(name) != theirs.get(name)},
            )


async def assert_equal(acme: Workspace, expected: Expected, ids: dict[str, str]) -> None:
    """Everything said is answered as it was, and nothing else; `ids`: conversations by folder."""
    by_folder = await readers(acme, expected)
    wrong: list[Any] = []
    for folder, wanted in expected.history.items():
        client, channel = by_folder[folder], ids[folder]
        history = await pages(client, "conversations.history", channel=channel)
        own = [face for face in history if face["ts"] in wanted or int(face["ts"][:10]) < 1_700_000_000]
        wrong += differences(folder, own, wanted)
        roots = {face["ts"]: face for face in own}
        for root, replies in expected.replies[folder].items():
            if not replies:
                continue
            thread = await pages(client, "conversations.replies", channel=channel, ts=root)
            wrong += differences(folder, thread[1:], replies)
            told = roots[root]
            assert (told["reply_count"], told["latest_reply"]) == (len(replies), max(replies)), told
            assert set(told["reply_users"]) <= {reply["user"] for reply in replies.values()}
    assert not wrong, wrong[:3]


async def channel_ids(acme: Workspace, expected: Expected) -> dict[str, str]:
    return {folder: acme.general if folder == "general" else room["id"] for folder, room in expected.rooms.items()}


def without_threads_of_nobody(expected: Expected) -> None:
    """A message that says it began a thread in which nobody replied is a message."""
    for folder, threads in expected.replies.items():
        for root, replies in threads.items():
            if not replies:
                expected.history[folder][root].pop("thread_ts", None)


@pytest.mark.lasts(180 + MESSAGES // 100)
async def test_an_export_with_every_trouble_reads_back_equal(cell_database: FreshDatabase, tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    expected = an_export(path, MESSAGES)
    without_threads_of_nobody(expected)
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        counts, notes = await bring_in(acme, path)
        await assert_equal(acme, expected, await channel_ids(acme, expected))
        for named in expected.left_out:
            assert any(named in note for note in notes), named
        await assert_people(acme, expected)
        said = sum(len(history) for history in expected.history.values())
        broadcasts = sum("parent_user_id" in face for history in expected.history.values() for face in history.values())
        assert counts["messages"] == said - broadcasts - len(expected.made_up) and counts["tombstones"] == len(expected.made_up)
        assert counts["users_matched"] == 1 and counts["users_missing"] == len(expected.missing_users)
        again, _ = await bring_in(acme, path)
        assert again == counts
        await posting_goes_on(chat, acme)


async def assert_people(acme: Workspace, expected: Expected) -> None:
    for user_id, face in expected.users.items():
        user = (await acme.owner.call("users.info", user=user_id))["user"]
        assert (user["name"], user["real_name"], user["deleted"]) == (face["name"], face["real_name"], face["deleted"])
    for user_id in expected.missing_users:
        assert (await acme.owner.call("users.info", user=user_id))["user"]["deleted"]
    assert (await acme.owner.call("users.info", user="U0OWNER000"))["error"] == "user_not_found"
    told = (await acme.owner.call("conversations.info", channel="C0ARCHIVED"))["channel"]
    assert told["is_archived"] and told["created"] == expected.rooms["old"]["created"]


async def posting_goes_on(chat: Chat, acme: Workspace) -> None:
    """What is said now comes after all that was said, and is unread by those who came in by the import; the past is not."""
    ts = (await acme.owner.call("chat.postMessage", channel=acme.general, text="now"))["ts"]
    newest = (await acme.owner.call("conversations.history", channel=acme.general, limit=1))["messages"]
    assert [message["ts"] for message in newest] == [ts]
    token = await acme.command("token.create", user="U0PERSON00")
    told = (await acme.client(token["token"]).call("conversations.info", channel=acme.general))["channel"]
    assert told["unread_count"] == 1


async def test_stopped_at_any_batch_it_goes_on_without_doubling(
    cell_database: FreshDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ITEMS_MAX, "messages", 30)
    path = tmp_path / "export.zip"
    expected = an_export(path, 300)
    without_threads_of_nobody(expected)
    async with a_chat(cell_database) as chat:
        whole, broken = await chat.found("whole"), await chat.found("broken")
        counts, notes = await bring_in(whole, path)
        for number in (0, 1, 1, 2, 1, 1, 3, 2):
            with pytest.raises(Stopped):
                await bring_in(broken, path, batches_max=number)
        assert await bring_in(broken, path) == (counts, notes)
        await assert_equal(broken, expected, await channel_ids(broken, expected))


async def take_out(workspace: Workspace, path: Path) -> dict[str, int]:
    """As the command line writes it."""

    async def wanted() -> AsyncIterator[bytes]:
        yield exchange_pb2.ExportWanted(base="http://chat.test").SerializeToString()

    exported = Exported(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, Filling(archive, exported) as filling:
        async for answer in workspace.workload.exchanges["workspace.export"](workspace.tenant, wanted()):
            for piece in exchange_pb2.ExportAnswer.FromString(answer).pieces:
                filling.add(piece)
    return exported.counts


async def test_what_goes_out_comes_in_again_elsewhere_and_is_equal(cell_database: FreshDatabase, tmp_path: Path) -> None:
    path, out, again = tmp_path / "export.zip", tmp_path / "out.zip", tmp_path / "again.zip"
    expected = an_export(path, 1_500)
    without_threads_of_nobody(expected)
    async with a_chat(cell_database) as chat:
        acme, elsewhere = await chat.found("acme"), await chat.found("elsewhere")
        await bring_in(acme, path)
        await acme.owner.call("conversations.join", channel="C0DEV00000")
        content = "what a file says\n" * 40_000
        sent = await acme.owner.call("files.upload", content=content, filename="notes.txt", channels="C0DEV00000")
        went = await take_out(acme, out)
        came, _ = await bring_in(elsewhere, out)
        await assert_file(elsewhere, sent["file"]["id"], content)
        assert came["file_contents"] == went["files"] == 1
        assert came["replies"] == went["replies"]
        await assert_equal(elsewhere, expected, await channel_ids(elsewhere, expected))
        assert await take_out(elsewhere, again) | {"users": 0} == went | {"users": 0}
    assert_a_slack_export(out, expected)


async def assert_file(workspace: Workspace, file_id: str, content: str) -> None:
    token = await workspace.command("token.create", user="U0PERSON00")
    reader = workspace.client(token["token"])
    face = (await reader.call("files.info", file=file_id))["file"]
    assert (face["name"], face["size"], face["channels"]) == ("notes.txt", len(content), ["C0DEV00000"])
    path = face["url_private"].removeprefix("http://chat.test:8080")
    headers = [(b"host", b"chat.test:8080"), (b"authorization", f"Bearer {reader.token}".encode())]
    reply = await exchange(workspace.workload.app, workspace.tenant, "GET", path, b"", headers, b"")
    assert (reply.status, reply.body.decode()) == (200, content)


def assert_a_slack_export(path: Path, expected: Expected) -> None:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        for folder, kind in expected.kinds.items():
            [room] = [room for room in json.loads(archive.read(f"{kind}.json")) if folder in (room["id"], room.get("name"))]
            assert room["members"] and (kind == "dms" or folder == "general" or room["creator"] == "U0PERSON00")
            days = [name for name in names if name.startswith(f"{folder}/")]
            assert all(re.fullmatch(r"[^/]+/\d{4}-\d\d-\d\d\.json", name) for name in days) and days == sorted(days)
            for name in days:
                said = json.loads(archive.read(name))
                assert said and all(day_of(int(face["ts"][:10])) == name[-15:-5] for face in said)
        users = {user["id"]: user for user in json.loads(archive.read("users.json"))}
        assert users["U0PERSON03"]["profile"]["email"] == "p3@old.example" and users["U0PERSON06"]["deleted"]


@pytest.mark.skipif(shutil.which("slack-export-viewer") is None, reason="slack-export-viewer is not installed")
async def test_slack_export_viewer_shows_it(cell_database: FreshDatabase, tmp_path: Path) -> None:
    path, out, shown = tmp_path / "export.zip", tmp_path / "out.zip", tmp_path / "shown"
    an_export(path, 300)
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        await bring_in(acme, path)
        await take_out(acme, out)
    command = ["slack-export-viewer", "-z", str(out), "--html-only", "-o", str(shown), "--no-browser", "--show-dms"]
    with anyio.fail_after(120):
        done = await anyio.run_process(command, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    folders = {page.parent.name for page in shown.rglob("index.html")}
    assert folders >= {"general", "dev", "café-ünï", "old", "secret", "D0DIRECT00"}, folders
    assert "message 1 with" in (shown / "channel/dev/index.html").read_text()
