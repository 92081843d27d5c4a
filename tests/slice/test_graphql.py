"""GraphQL: a client's first screen in one request, in six statements, and nothing that a token may not see."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from graphql import get_introspection_query
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cells.chat.graphql.limits import COST_MAX
from cells.runtime.log import LoggedTenant
from cells.runtime.tenancy import driver_of
from tests.harness.chat import ChatClient, Workspace, a_chat, exchange
from tests.harness.databases import FreshDatabase

pytestmark = pytest.mark.anyio

INITIAL = """query Initial {
  workspace { id name domain generalId }
  me { id name realName role presence }
  channels { id kind name topic unreadCount mentionCount hasUnread lastRead userId
    lastMessage { ts text threadTs user { id realName } } }
  members { id name displayName email role deleted isBot statusText statusEmoji presence }
}"""


class Counting:
    """A tenant whose statements are counted."""

    def __init__(self, tenant: LoggedTenant) -> None:
        self._tenant = tenant
        self.said: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tenant, name)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Any]:
        async with self._tenant.reading() as connection:
            driver = driver_of(connection)
            note = lambda record: self.said.append(record.query)  # noqa: E731
            driver.add_query_logger(note)
            try:
                yield connection
            finally:
                driver.remove_query_logger(note)


async def ask(client: ChatClient, query: str, tenant: Any = None, *, token: str | None = None, **more: Any) -> tuple[int, dict[str, Any]]:
    headers = [(b"authorization", f"Bearer {client.token if token is None else token}".encode()), (b"content-type", b"application/json")]
    body = json.dumps({"query": query, **more}).encode()
    reply = await exchange(client._app, tenant or client.tenant, "POST", "/graphql", b"", headers, body)
    assert b"Traceback" not in reply.body and b".py" not in reply.body
    return reply.status, reply.json


async def a_busy_workspace(acme: Workspace) -> tuple[ChatClient, str, str]:
    ann = await acme.add("ann")
    dev = (await acme.owner.call("conversations.create", name="dev"))["channel"]["id"]
    await acme.owner.call("conversations.invite", channel=dev, users=ann.user_id)
    await acme.owner.call("chat.postMessage", channel=dev, text=f"first <@{ann.user_id}>")
    ts = (await acme.owner.call("chat.postMessage", channel=dev, text="second"))["ts"]
    secret = (await acme.owner.call("conversations.create", name="secret", is_private="true"))["channel"]["id"]
    await acme.owner.call("chat.postMessage", channel=secret, text="hush")
    im = (await acme.owner.call("conversations.open", users=ann.user_id))["channel"]["id"]
    await acme.owner.call("chat.postMessage", channel=im, text="psst")
    return ann, dev, ts


async def test_the_first_screen_in_one_request_and_six_statements(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        ann, dev, ts = await a_busy_workspace(acme)
        counted = Counting(ann.tenant)
        status, answer = await ask(ann, INITIAL, counted)
        assert status == 200 and "errors" not in answer, answer
        assert 4 <= len(counted.said) <= 6, counted.said
        data = answer["data"]
        assert data["workspace"]["id"] == acme.scope.workspace_id and data["workspace"]["generalId"] == acme.general
        assert (data["me"]["id"], data["me"]["role"]) == (ann.user_id, "MEMBER")
        channels = {channel["id"]: channel for channel in data["channels"]}
        assert "hush" not in json.dumps(answer) and len(channels) == 4
        told = channels[dev]
        assert (told["kind"], told["hasUnread"], told["mentionCount"], told["unreadCount"]) == ("PUBLIC", True, 1, 1)
        assert told["lastMessage"] == {
            "ts": ts,
            "text": "second",
            "threadTs": None,
            "user": {"id": acme.owner.user_id, "realName": "owner"},
        }
        [im] = [channel for channel in data["channels"] if channel["kind"] == "IM"]
        assert (im["userId"], im["unreadCount"], im["lastMessage"]["text"]) == (acme.owner.user_id, 1, "psst")
        people = {member["id"]: member for member in data["members"]}
        assert people.keys() == {acme.owner.user_id, acme.bot.user_id, ann.user_id}
        assert people[ann.user_id]["email"] == "ann@example.com" and people[acme.bot.user_id]["isBot"]
        await many_in_one_statement(acme, ann)
        await introspected(acme)


async def test_tokens_scopes_and_guests(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme, other = await chat.found("acme"), await chat.found("other")
        await a_busy_workspace(acme)
        for token, code in (("", "not_authed"), ("xoxb-1-2-abc", "invalid_auth"), (other.owner.token, "invalid_auth")):
            status, answer = await ask(acme.owner, "{ me { id } }", token=token)
            assert (status, answer["errors"][0]["extensions"]["code"]) == (401, code) and "data" not in answer
        bare = await acme.with_scopes("chat:write")
        status, answer = await ask(bare, "{ me { id email } channels { id } members { id } }")
        assert status == 200 and {error["extensions"]["code"] for error in answer["errors"]} == {"missing_scope"}
        readers = await acme.with_scopes("users:read", "channels:read")
        _, answer = await ask(readers, "{ members { id email } channels { kind lastMessage { text } } }")
        assert all(member["email"] is None for member in answer["data"]["members"])
        assert answer["data"]["channels"] and all(c["kind"] == "PUBLIC" and c["lastMessage"] is None for c in answer["data"]["channels"])
        await a_guest_knows_only_whom_they_meet(acme)


async def a_guest_knows_only_whom_they_meet(acme: Workspace) -> None:
    ann = await acme.add("annabel")
    added = await acme.command("user.add", email="guest@example.com", role="guest")
    guest = acme.client(added["token"], added["user_id"])
    room = (await acme.owner.call("conversations.create", name="room"))["channel"]["id"]
    await acme.owner.call("conversations.invite", channel=room, users=guest.user_id)
    query = "query($a: ID!) { members { id } user(id: $a) { id } channels { name } }"
    _, answer = await ask(guest, query, variables={"a": ann.user_id})
    assert {member["id"] for member in answer["data"]["members"]} == {guest.user_id, acme.owner.user_id}
    assert answer["data"]["user"] is None and answer["data"]["channels"] == [{"name": "room"}]


async def many_in_one_statement(acme: Workspace, ann: ChatClient) -> None:
    asked = " ".join(f'u{n}: user(id: "{user}") {{ id name presence }}' for n, user in enumerate([ann.user_id, acme.bot.user_id, "U0"]))
    await ask(ann, "{ me { id } }")
    counted = Counting(ann.tenant)
    _, answer = await ask(ann, f"{{ {asked} }}", counted)
    assert [answer["data"][f"u{n}"] is not None for n in range(3)] == [True, True, False] and len(counted.said) == 1


REFUSED = [
    ("{ nothing }", "invalid_query", "Cannot query field"),
    ("{ me { id ", "invalid_query", "Syntax Error"),
    ("query A { me { id } } query B { me { id } }", "invalid_query", "more than one"),
    ("{ me { id } } fragment F on User { ...F }", "invalid_query", ""),
    (
        "query($n: Int) { " + " ".join(f"m{n}: members(first: $n) {{ id name title }}" for n in range(20)) + "}",
        "cost_limit",
        f"{COST_MAX:,}",
    ),
    ("{ " + "channels { lastMessage { user { " + "... { ... { id } }" + " } } } }", "", ""),
    ("{ __schema { types { " + "fields { type { " * 9 + "name" + " } }" * 9 + " } } }", "invalid_query", "introspection"),
    ("{ " + "a { " * 3_000 + "b" + " }" * 3_000 + " }", "invalid_query", ""),
    ("mutation { x }", "invalid_query", ""),
    ("", "invalid_query", "missing"),
]


async def test_what_is_refused_says_why_and_no_query_breaks_anything(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        for query, code, says in REFUSED:
            await refused(acme, query, code, says)
        await fuzzed(acme)


async def refused(acme: Workspace, query: str, code: str, says: str) -> None:
    status, answer = await ask(acme.owner, query)
    if not code:
        assert status == 200 and "errors" not in answer
        return
    assert status == 400 and "data" not in answer
    assert answer["errors"][0]["extensions"]["code"] == code and says in answer["errors"][0]["message"], (query, answer)


async def introspected(acme: Workspace) -> None:
    status, answer = await ask(acme.owner, get_introspection_query())
    assert status == 200 and {kind["name"] for kind in answer["data"]["__schema"]["types"]} >= {"Workspace", "User", "Channel", "Message"}
    headers = [(b"authorization", f"Bearer {acme.owner.token}".encode())]
    query = b"query=query(%24n%3AInt!)%7Bmembers(first%3A%24n)%7Bid%20__typename%7D%7D&variables=%7B%22n%22%3A1%7D"
    reply = await exchange(acme.workload.app, acme.tenant, "GET", "/graphql", query, headers, b"")
    assert [member["__typename"] for member in reply.json["data"]["members"]] == ["User"]


FRAGMENTS = [
    "{",
    "}",
    "me",
    "members",
    "channels(first:",
    "user(id:",
    '"U1"',
    ")",
    "id",
    "...",
    "on",
    "User",
    "$x",
    "query",
    "1e9",
    "@skip(if: true)",
    "\x00",
]


async def fuzzed(acme: Workspace) -> None:
    asked: list[str] = []

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.sampled_from(FRAGMENTS), max_size=12).map(" ".join) | st.text(max_size=40))
    def gather(query: str) -> None:
        asked.append(query)

    gather()
    for query in asked:
        status, answer = await ask(acme.owner, query)
        assert status in (200, 400) and all(error["extensions"]["code"] != "internal_error" for error in answer.get("errors", ()))
    headers = [(b"authorization", f"Bearer {acme.owner.token}".encode())]
    for body in (b"[]", b"{", b"\xff", b'{"query": 7}', b'{"query": "{ me { id } }", "variables": [1]}'):
        assert (await exchange(acme.workload.app, acme.tenant, "POST", "/graphql", b"", headers, body)).status == 400
