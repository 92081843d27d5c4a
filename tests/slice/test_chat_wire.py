"""What comes before any method: paths, tokens, scopes, bodies, headers."""

import pytest

from tests.harness.chat import ChatClient, Workspace, a_chat, exchange
from tests.harness.clock import ManualClock
from tests.harness.databases import FreshDatabase
from tests.harness.workspaces import execute

pytestmark = pytest.mark.anyio
FORM = "application/x-www-form-urlencoded"
BOUNDARY = "----waggle"


async def error(client: ChatClient, method: str, body: bytes, content_type: str | None, token: str | None = None) -> str:
    reply = await client.raw(method, body, content_type, token=token)
    assert reply.status == 200 and reply.json["ok"] is False and reply.headers["content-type"].startswith("application/json")
    assert {"x-oauth-scopes", "x-accepted-oauth-scopes"} <= reply.headers.keys()
    return str(reply.json["error"])


def multipart(**fields: str) -> tuple[bytes, str]:
    parts = "".join(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items())
    return f"{parts}--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}"


async def test_tokens(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme, globex = await chat.found("acme"), await chat.found("globex")
        owner = acme.owner
        assert await error(owner, "auth.test", b"", None, token="") == "not_authed"
        forged = owner.token[:-4] + ("0000" if not owner.token.endswith("0000") else "1111")
        for bad in ("x", forged, globex.owner.token, "xoxb-1-2-3", "ü", "x" * 100_000):
            assert await error(owner, "auth.test", b"", None, token=bad) == "invalid_auth"
        in_body = await owner.raw("auth.test", f"token={owner.token}".encode(), FORM, token="")
        in_query = await owner.raw("auth.test", b"", None, verb="GET", query=f"token={owner.token}".encode(), token="")
        assert in_body.json["ok"] and in_query.json["ok"]
        ann = await acme.add("ann")
        await execute(cell_database.owner_url, "UPDATE users SET deleted = true WHERE user_id = $1", ann.user_id)
        assert await error(ann, "auth.test", b"", None) == "account_inactive"


async def test_a_revoked_token_stops_at_once_here_and_within_a_second_elsewhere(cell_database: FreshDatabase) -> None:
    clock = ManualClock()
    async with a_chat(cell_database) as here, a_chat(cell_database, clock) as elsewhere:
        acme = await here.found("acme")
        there = ChatClient(elsewhere.workload.app, acme.tenant, acme.bot.token)
        assert (await there.call("auth.test"))["ok"] and (await acme.bot.call("auth.test"))["ok"]
        await acme.command("token.revoke", token=acme.bot.token)
        assert (await acme.bot.call("auth.test"))["error"] == "token_revoked"
        clock.advance(1.01)
        assert (await there.call("auth.test"))["error"] == "token_revoked"


async def test_scopes_on_every_answer(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        narrow = await acme.with_scopes("users:read", "team:read")
        reply = await narrow.raw("chat.postMessage", b"channel=x&text=y", FORM)
        assert reply.json == {"ok": False, "error": "missing_scope", "needed": "chat:write", "provided": "users:read,team:read"}
        assert (reply.headers["x-oauth-scopes"], reply.headers["x-accepted-oauth-scopes"]) == ("users:read,team:read", "chat:write")
        unknown = await narrow.raw("no.such", b"", None)
        assert unknown.json == {"ok": False, "error": "unknown_method", "req_method": "no.such"}


async def test_bodies(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        owner = (await chat.found("acme")).owner
        json_type = "application/json"
        assert await error(owner, "auth.test", b"{", json_type) == "invalid_json"
        assert await error(owner, "auth.test", b"[" * 100_000, json_type) == "invalid_json"
        assert await error(owner, "auth.test", b'{"a": "\xff"}', json_type) == "invalid_json"
        assert await error(owner, "auth.test", b"[]", json_type) == "json_not_object"
        assert await error(owner, "auth.test", b"x", "text/csv") == "invalid_post_type"
        assert await error(owner, "auth.test", b"x", None) == "missing_post_type"
        assert await error(owner, "auth.test", b"a=1&" * 300, FORM) == "invalid_form_data"
        assert await error(owner, "auth.test", b"nonsense", f"multipart/form-data; boundary={BOUNDARY}") == "invalid_form_data"
        assert await error(owner, "auth.test", b"nonsense", "multipart/form-data") == "invalid_form_data"
        assert (await owner.raw("auth.test", b"", json_type)).json["ok"]
        assert (await owner.raw("api.test", *multipart(foo="bär", n="1"))).json["args"] == {"foo": "bär", "n": "1"}
        assert (await owner.raw("auth.test", *multipart(token=owner.token), token="")).json["ok"]
        assert (await owner.raw("api.test", b"x" * (1 << 20 | 1), FORM)).status == 413


async def test_arguments(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        missing = await acme.owner.call("chat.postMessage", text="x")
        assert missing["error"] == "invalid_arguments"
        assert missing["response_metadata"]["messages"] == ["[ERROR] missing required field: channel"]
        lengths: tuple[object, ...] = ("many", {}, "9" * 40)
        for length in lengths:
            unread = (await acme.owner.json("files.getUploadURLExternal", {"filename": "a.txt", "length": length})).json
            assert unread["response_metadata"]["messages"] == ["[ERROR] unreadable required field: length"], length
        for number, flag in enumerate(("1", "true", "True", True, 1)):
            created = (await acme.owner.json("conversations.create", {"name": f"p{number}", "is_private": flag})).json
            assert created["channel"]["is_private"], flag
        wrong = {"is_private": "maybe"}, {"name": {"a": 1}}, {"name": "a\x00b"}
        for arguments in wrong:
            assert (await acme.owner.json("conversations.create", {"name": "x", **arguments})).json["error"] == "invalid_arguments"
        for limit in ("x", "-1", "0", "9" * 40, 10**30, None):
            assert (await acme.owner.json("users.list", {"limit": limit})).json["ok"]
        lists = (await acme.owner.get("users.list", limit="1", unknown="ignored")).json
        assert len(lists["members"]) == 1


async def test_paths_and_verbs(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        assert (await status(acme, "GET", "/")) == 404
        assert (await status(acme, "PUT", "/api/api.test")) == 405
        assert (await status(acme, "POST", "/api/api.test/")) == 200


async def status(acme: Workspace, verb: str, path: str) -> int:
    return (await exchange(acme.workload.app, acme.tenant, verb, path, b"", [], b"")).status
