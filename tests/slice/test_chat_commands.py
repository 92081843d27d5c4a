"""An administrator's verbs."""

import pytest

from cells.chat.domain.errors import DomainError
from tests.harness.chat import a_chat
from tests.harness.databases import FreshDatabase

pytestmark = pytest.mark.anyio


async def test_founding_twice_changes_nothing_and_shows_no_token(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        head = await acme.head()
        again = await acme.workload.admit(acme.tenant, {"name": "other", "subdomain": "other", "owner_email": "x@example.com"})
        assert again == {"owner_id": acme.owner.user_id, "bot_id": acme.bot.user_id, "general_id": acme.general}
        assert await acme.head() == head
        assert (await acme.bot.call("chat.postMessage", channel="general", text="x"))["ok"]


async def test_user_add(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        added = await acme.command("user.add", email="Ann.Lee+x@example.com", name="Ann Lee")
        assert added.keys() == {"user_id", "email", "token"} and added["token"].startswith("xoxp-")
        ann = acme.client(added["token"], added["user_id"])
        assert (await ann.call("chat.postMessage", channel=acme.general, text="x"))["ok"]
        face = (await ann.call("users.info", user=ann.user_id))["user"]
        assert (face["name"], face["real_name"]) == ("ann.lee_x", "Ann Lee")
        twin = await acme.command("user.add", email="ann.lee+x@example.org")
        assert (await ann.call("users.info", user=twin["user_id"]))["user"]["name"] == "ann.lee_x2"


async def test_token_create(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        ann = await acme.add("ann")
        for whom, user_id in (
            ({"user": ann.user_id}, ann.user_id),
            ({"email": "ann@example.com"}, ann.user_id),
            ({"bot": True}, acme.bot.user_id),
        ):
            made = await acme.command("token.create", **whom, scopes="users:read,chat:write")
            assert (made["user_id"], made["scopes"]) == (user_id, ["users:read", "chat:write"])
            assert (await acme.client(made["token"]).call("auth.test"))["user_id"] == user_id


@pytest.mark.parametrize(
    ("command", "arguments", "code"),
    [
        ("user.add", {"email": "owner@acme.example.com"}, "already_in_team"),
        ("user.add", {"email": "nobody"}, "invalid_email"),
        ("user.add", {"email": "a@" + "x" * 300}, "invalid_email"),
        ("user.add", {}, "invalid_arguments"),
        ("user.add", {"email": 7}, "invalid_arguments"),
        ("token.create", {"user": "U0000000000"}, "user_not_found"),
        ("token.create", {"email": "nobody@example.com"}, "user_not_found"),
        ("token.create", {"scopes": ["admin"]}, "invalid_scope"),
        ("token.create", {"scopes": 7}, "invalid_arguments"),
        ("token.revoke", {"token": "xoxb-1"}, "invalid_auth"),
        ("token.revoke", {}, "invalid_arguments"),
    ],
)
async def test_refusals(cell_database: FreshDatabase, command: str, arguments: dict[str, object], code: str) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        with pytest.raises(DomainError) as refused:
            await acme.command(command, **arguments)
        assert refused.value.code == code
