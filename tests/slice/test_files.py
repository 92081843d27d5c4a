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
