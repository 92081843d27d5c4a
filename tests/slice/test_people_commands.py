"""What an operator does about people and tokens: the verbs behind `waggle user` and `waggle token`."""

from typing import Any

import pytest

from cells.chat.domain.errors import DomainError
from tests.harness.chat import a_chat
from tests.harness.databases import FreshDatabase
from tests.harness.mailbox import Mailbox

pytestmark = pytest.mark.anyio


async def test_people(cell_database: FreshDatabase) -> None:
    mail = Mailbox()
    async with a_chat(cell_database, mailer=mail) as chat:
        acme = await chat.found("acme")
        ann = await acme.add("ann")
        off = await acme.command("user.deactivate", email="ANN@example.com")
        assert off == {"user_id": ann.user_id, "email": "ann@example.com", "role": "member", "active": False}
        assert (await ann.call("auth.test"))["error"] == "account_inactive"
        assert (await acme.command("user.reactivate", user=ann.user_id))["active"] is True
        assert (await acme.command("user.role", user=ann.user_id, role="admin"))["role"] == "admin"
        invited = await acme.command("user.invite", email="bob@example.com", role="single_guest", channels=acme.general)
        code = await mail.code("bob@example.com")
        assert invited["link"] == f"http://127.0.0.1:8080/w/acme/signin#invitation={code}"
        [listed] = (await acme.command("user.invitations"))["invitations"]
        assert (listed["role"], listed["channel_ids"]) == ("single_guest", [acme.general])
        assert (await acme.client("").call("signin.acceptInvitation", code=code))["ok"]
        eve = await acme.command("user.invite", email="eve@example.com")
        assert (await acme.command("user.uninvite", invitation=eve["invitation_id"])) == {"revoked": True}
        link = await acme.command("user.link", email="owner@acme.example.com")
        assert (await acme.client("").call("signin.resetPassword", code=link["code"], password="a first password"))["ok"]
        signed = await acme.client("").call("signin.password", email="owner@acme.example.com", password="a first password")
        owner = acme.client(signed["token"])
        assert (await owner.call("admin.users.list"))["ok"]
        actions = [entry["action"] for entry in (await acme.command("user.audit", limit=100))["entries"]]
        assert actions[:2] == ["signin", "password.changed"] and {"user.deactivated", "user.invited", "user.role_changed"} <= set(actions)


async def test_tokens(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        made = await acme.command("token.create", scopes="users:read", expires_in=3_600, note="CI")
        kept = {token["token_id"]: token for token in (await acme.command("token.list", email="owner@acme.example.com"))["tokens"]}
        assert (kept[made["token_id"]]["note"], kept[made["token_id"]]["expires"]) == ("CI", made["expires"])
        assert made["token"] not in str(await acme.command("token.list"))
        assert await acme.command("token.revoke", token=made["token_id"]) == {"revoked": True}
        assert (await acme.client(made["token"]).call("auth.test"))["error"] == "token_revoked"


TABLE: list[tuple[str, dict[str, Any], str]] = [
    *((verb, {"user": "U0000000000"}, "user_not_found") for verb in ("user.deactivate", "user.reactivate", "user.link", "token.list")),
    ("user.role", {"user": "U0000000000", "role": "king"}, "invalid_role"),
    ("user.totp_off", {"email": "owner@acme.example.com"}, "totp_not_on"),
    ("user.deactivate", {"email": "owner@acme.example.com"}, "cant_change_owner"),
    ("user.deactivate", {}, "invalid_arguments"),
    ("user.audit", {"limit": "x"}, "invalid_arguments"),
    ("user.uninvite", {"invitation": "I1"}, "invitation_not_found"),
    ("user.invite", {"email": "x@example.com", "days": 91}, "invalid_expiry"),
    ("token.create", {"expires_in": 1}, "invalid_expiry"),
    ("token.create", {"expires_in": "x"}, "invalid_arguments"),
    ("token.revoke", {"token": "K1"}, "token_not_found"),
]


async def test_refusals(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        for verb, arguments, word in TABLE:
            with pytest.raises(DomainError) as refused:
                await acme.command(verb, **arguments)
            assert refused.value.code == word, (verb, arguments)
