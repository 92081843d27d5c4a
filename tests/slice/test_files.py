"""Uploads in three steps and in one; who may see a file, and when no more."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.harness.chat import HOST, ChatClient, HttpReply, Workspace, a_chat, exchange
from tests.harness.databases import FreshDatabase

pytestmark = pytest.mark.anyio
PNG = bytes.fromhex("89504e470d0a1a0a") + b"\x00" * 40
BASE = f"http://{HOST}"


@pytest.fixture
async def acme(cell_database: FreshDatabase) -> AsyncIterator[Workspace]:
    async with a_chat(cell_database) as chat:
        yield await chat.found("acme")


async def fetch(client: ChatClient, url: str, token: str | None = None, verb: str = "GET", body: bytes = b"", **headers: str) -> HttpReply:
    given = [(b"host", HOST.encode()), *((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items())]
    bearer = client.token if token is None else token
    if bearer:
        given.append((b"authorization", f"Bearer {bearer}".encode()))
    return await exchange(client._app, client.tenant, verb, url.removeprefix(BASE), b"", given, body)


async def send(client: ChatClient, url: str, body: bytes, content_type: str = "application/octet-stream") -> HttpReply:
    return await fetch(client, url, "", "POST", body, content_type=content_type)


async def upload(client: ChatClient, name: str, body: bytes, **more: Any) -> dict[str, Any]:
    opened = await client.call("files.getUploadURLExternal", filename=name, length=len(body))
    sent = await send(client, opened["upload_url"], body)
    assert (sent.status, sent.body.decode()) == (200, f"OK - {len(body)}"), sent
    done = await client.call("files.completeUploadExternal", files=[{"id": opened["file_id"], "title": "A title"}], **more)
    assert done["ok"], done
    face: dict[str, Any] = done["files"][0]
    return face


async def test_an_upload_is_shared_once(acme: Workspace) -> None:
    head = await acme.head()
    face = await upload(acme.owner, "hello.txt", b"hello world", channel_id=acme.general, initial_comment="look")
    assert (face["name"], face["title"], face["size"], face["mimetype"], face["mode"]) == (
        "hello.txt",
        "A title",
        11,
        "text/plain",
        "snippet",
    )
    assert face["channels"] == [acme.general] and face["is_public"]
    again = await acme.owner.call("files.completeUploadExternal", files=[{"id": face["id"]}], channel_id=acme.general)
    assert again["ok"] and again["files"][0]["id"] == face["id"]
    events = [json.loads(event.payload) for event in await acme.events(head)]
    assert [event["type"] for event in events] == ["file_created", "message", "file_shared"]
    assert (events[1]["subtype"], events[1]["text"], events[1]["files"][0]["id"]) == ("file_share", "look", face["id"])
    [message] = (await acme.owner.call("conversations.history", channel=acme.general, limit=1))["messages"]
    assert (message["text"], message["files"][0]["url_private"]) == ("look", face["url_private"])
    got = await fetch(acme.owner, face["url_private"])
    assert (got.status, got.body) == (200, b"hello world")


async def test_the_same_bytes_again_are_welcome_and_others_are_not(acme: Workspace) -> None:
    opened = await acme.owner.call("files.getUploadURLExternal", filename="a.bin", length=5)
    for body, status in ((b"four", 400), (b"sixsix", 413), (b"12345", 200), (b"12345", 200), (b"54321", 409)):
        assert (await send(acme.owner, opened["upload_url"], body)).status == status, body
    assert (await fetch(acme.owner, opened["upload_url"], "")).status == 405
    assert (await send(acme.owner, opened["upload_url"][:-1] + "x", b"12345")).status == 403
    await acme.owner.call("files.completeUploadExternal", files=[{"id": opened["file_id"]}])
    await acme.owner.call("files.delete", file=opened["file_id"])
    assert (await send(acme.owner, opened["upload_url"], b"12345")).status == 410


@pytest.mark.parametrize("field", ["body", "filename", "file", "anything"])
async def test_forms_raw_bodies_and_wrong_labels_are_the_same_upload(acme: Workspace, field: str) -> None:
    body = b"\r\n--x\r\n=&%00" + bytes(range(256))
    head = f'--b0\r\nContent-Disposition: form-data; name="{field}"; filename="x"\r\n\r\n'.encode()
    other = b'--b0\r\nContent-Disposition: form-data; name="token"\r\n\r\nxoxb-none\r\n'
    for sent, label in (
        (other + head + body + b"\r\n--b0--\r\n", "multipart/form-data; boundary=b0"),
        (body, "application/x-www-form-urlencoded"),
        (body, "application/octet-stream"),
    ):
        opened = await acme.owner.call("files.getUploadURLExternal", filename="x", length=len(body))
        assert (await send(acme.owner, opened["upload_url"], sent, label)).body.decode() == f"OK - {len(body)}"
        face = (await acme.owner.call("files.completeUploadExternal", files=[{"id": opened["file_id"]}]))["files"][0]
        assert (await fetch(acme.owner, face["url_private"])).body == body
    cut = (other + head + body, "multipart/form-data; boundary=b0")
    opened = await acme.owner.call("files.getUploadURLExternal", filename="x", length=len(body))
    assert (await send(acme.owner, opened["upload_url"], *cut)).status == 400
    assert (await send(acme.owner, opened["upload_url"], other + b"--b0--\r\n", cut[1])).status == 400


async def test_legacy_upload_takes_a_file_or_content(acme: Workspace) -> None:
    form = (
        b'--b0\r\nContent-Disposition: form-data; name="channels"\r\n\r\n#general\r\n'
        b'--b0\r\nContent-Disposition: form-data; name="title"\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n'
        b'--b0\r\nContent-Disposition: form-data; name="file"; filename="dir/p.png"\r\nContent-Type: text/html\r\n\r\n'
        + PNG
        + b"\r\n--b0--\r\n"
    )
    done = (await acme.owner.raw("files.upload", form, "multipart/form-data; boundary=b0")).json
    face = done["file"]
    assert (face["name"], face["title"], face["filetype"], face["channels"]) == ("p.png", "Grüße", "png", [acme.general])
    assert (await fetch(acme.bot, face["url_private"])).body == PNG
    refused = (await acme.owner.raw("files.upload", form, "multipart/form-data; boundary=b0", token="xoxb-no")).json
    assert refused["error"] == "invalid_auth"
    reader = await acme.with_scopes("files:read")
    assert (await reader.raw("files.upload", form, "multipart/form-data; boundary=b0")).json["needed"] == "files:write"
    said = await acme.owner.call("files.upload", content="print(1)\n", filename="a.py", filetype="python", channels=acme.general)
    assert (said["file"]["filetype"], said["file"]["mode"], said["file"]["preview"]) == ("python", "snippet", "print(1)\n")


async def test_a_file_is_seen_by_those_who_see_a_share_at_that_moment(acme: Workspace) -> None:
    ann, owner = await acme.add("ann"), acme.owner
    hidden = (await owner.call("conversations.create", name="hidden", is_private="true"))["channel"]["id"]
    face = await upload(owner, "s.txt", b"secret", channel_id=hidden)
    url = face["url_private"]

    async def seen(client: ChatClient) -> bool:
        told = (await client.call("files.info", file=face["id"]))["ok"]
        listed = face["id"] in [file["id"] for file in (await client.call("files.list"))["files"]]
        assert (await fetch(client, url)).status == (200 if told else 404) and told == listed
        return bool(told)

    assert await seen(owner) and not await seen(ann)
    await owner.call("conversations.invite", channel=hidden, users=ann.user_id)
    assert await seen(ann)
    await owner.call("conversations.kick", channel=hidden, user=ann.user_id)
    assert not await seen(ann)
    other = await upload(owner, "p.txt", b"public", channels=f"{acme.general},{hidden}")
    shown = (await ann.call("files.info", file=other["id"]))["file"]
    assert (shown["channels"], shown["groups"]) == ([acme.general], []), "a private channel is not told of"
    ts = shown["shares"]["public"][acme.general][0]["ts"]
    await owner.call("chat.delete", channel=acme.general, ts=ts)
    assert (await ann.call("files.info", file=other["id"]))["error"] == "file_not_found"
    assert (await fetch(ann, url, "")).status == 401
    assert (await fetch(ann, url, (await acme.with_scopes("chat:write")).token)).status == 403


async def test_guests_see_what_is_shared_where_they_are(acme: Workspace) -> None:
    added = await acme.command("user.add", email="g@example.com", name="g", role="guest")
    guest = acme.client(added["token"], added["user_id"])
    room = (await acme.owner.call("conversations.create", name="room"))["channel"]["id"]
    face = await upload(acme.owner, "r.txt", b"room", channel_id=room)
    assert (await guest.call("files.info", file=face["id"]))["error"] == "file_not_found"
    assert (await fetch(guest, face["url_private"])).status == 404
    await acme.owner.call("conversations.invite", channel=room, users=guest.user_id)
    assert (await fetch(guest, face["url_private"])).body == b"room"


async def test_deleting_ends_it_everywhere_and_leaves_a_tombstone(acme: Workspace) -> None:
    face = await upload(acme.owner, "d.txt", b"gone", channel_id=acme.general)
    public = (await acme.owner.call("files.sharedPublicURL", file=face["id"]))["file"]["permalink_public"]
    assert (await fetch(acme.owner, public, "")).body == b"gone"
    assert (await acme.owner.call("files.delete", file=face["id"])) == {"ok": True}
    assert (await acme.owner.call("files.info", file=face["id"]))["error"] == "file_deleted"
    assert (await acme.bot.call("files.info", file=face["id"]))["error"] == "file_not_found"
    assert [(await fetch(acme.owner, url, token)).status for url, token in ((face["url_private"], None), (public, ""))] == [404, 404]
    [message] = (await acme.owner.call("conversations.history", channel=acme.general, limit=1))["messages"]
    assert message["files"] == [{"id": face["id"], "mode": "tombstone"}]


async def test_a_public_address_lasts_until_it_is_revoked(acme: Workspace) -> None:
    face = await upload(acme.owner, "w.txt", b"world")
    shared = (await acme.owner.call("files.sharedPublicURL", file=face["id"]))["file"]
    assert shared["public_url_shared"]
    again = (await acme.owner.call("files.sharedPublicURL", file=face["id"]))["file"]
    assert again["permalink_public"] == shared["permalink_public"]
    got = await fetch(acme.owner, shared["permalink_public"], "")
    assert (got.body, got.headers["cache-control"]) == (b"world", "public, max-age=60")
    assert not (await acme.owner.call("files.revokePublicURL", file=face["id"]))["file"]["public_url_shared"]
    assert (await fetch(acme.owner, shared["permalink_public"], "")).status == 404
    kinds = [event.kind for event in await acme.events() if event.kind.startswith("file_")]
    assert kinds == ["file_created", "file_public", "file_change"]


async def test_ranges_and_tags(acme: Workspace) -> None:
    body = bytes(range(100))
    url = (await upload(acme.owner, "r.bin", body))["url_private"]
    whole = await fetch(acme.owner, url)
    tag = whole.headers["etag"]
    for asked, status, span in (
        ("bytes=0-9", 206, (0, 10)),
        ("bytes=90-", 206, (90, 100)),
        ("bytes=-5", 206, (95, 100)),
        ("bytes=95-200", 206, (95, 100)),
        ("bytes=-500", 206, (0, 100)),
        ("bytes=0-1,5-6", 200, (0, 100)),
        ("bytes=9-3", 200, (0, 100)),
        ("lines=1-2", 200, (0, 100)),
        ("bytes=100-", 416, None),
        ("bytes=-0", 416, None),
    ):
        got = await fetch(acme.owner, url, range=asked)
        assert got.status == status, asked
        if span is not None:
            assert got.body == body[slice(*span)], asked
            assert got.headers.get("content-range") == (f"bytes {span[0]}-{span[1] - 1}/100" if status == 206 else None)
        else:
            assert got.headers["content-range"] == "bytes */100"
    assert (await fetch(acme.owner, url, if_none_match=f'"x", W/{tag}')).status == 304
    assert (await fetch(acme.owner, url, range="bytes=0-1", if_range=tag)).status == 206
    assert (await fetch(acme.owner, url, range="bytes=0-1", if_range='"other"')).status == 200
    head = await fetch(acme.owner, url, verb="HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "100")


@pytest.mark.parametrize(
    ("name", "body", "mimetype", "inline"),
    [
        ("x.png", PNG, "image/png", True),
        ("x.png", b"<!doctype html><script>1</script>", "text/html", False),
        ("x.txt", b" <svg onload=alert(1)>", "image/svg+xml", False),
        ("x.html", b"plain words", "text/plain", True),
        ("x.exe", b"MZ\x00\x01\x02", "application/octet-stream", False),
        ("x.jpg", b"%PDF-1.7\n\x00", "application/pdf", False),
        ('na"m\\e\n→.zip', b"PK\x03\x04\x00" * 3, "application/zip", False),
    ],
)
async def test_content_is_looked_at_and_handed_out_safely(acme: Workspace, name: str, body: bytes, mimetype: str, inline: bool) -> None:
    face = await upload(acme.owner, name, body)
    assert face["mimetype"] == mimetype
    got = await fetch(acme.owner, face["url_private"])
    assert got.headers["content-type"].startswith(mimetype) and got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-security-policy"].startswith("sandbox")
    assert got.headers["content-disposition"].startswith("inline;" if inline else "attachment;")
    assert "\n" not in got.headers["content-disposition"] and got.headers["content-disposition"].isascii()
    download = await fetch(acme.owner, face["url_private_download"])
    assert download.headers["content-disposition"].startswith("attachment;")


async def test_lists_are_paged_the_old_way_and_filtered(acme: Workspace) -> None:
    ann = await acme.add("ann")
    faces = [await upload(acme.owner, f"{n}.txt", b"%d" % n, channel_id=acme.general) for n in range(3)]
    image = await upload(ann, "i.png", PNG, channel_id=acme.general)
    lone = await upload(acme.owner, "lone.pdf", b"%PDF-1.4\n")
    newest = [face["id"] for face in (lone, image, *reversed(faces))]

    async def listed(**arguments: Any) -> list[str]:
        return [file["id"] for file in (await acme.owner.call("files.list", **arguments))["files"]]

    page = await acme.owner.call("files.list", count=2, page=2)
    assert ([file["id"] for file in page["files"]], page["paging"]) == (newest[2:4], {"count": 2, "total": 5, "page": 2, "pages": 3})
    assert await listed(user=ann.user_id) == [image["id"]]
    assert await listed(channel=acme.general) == newest[1:]
    assert await listed(types="images,pdfs") == [lone["id"], image["id"]]
    assert await listed(types="snippets") == newest[2:]
    assert await listed(ts_to=str(faces[0]["created"] - 1)) == []
