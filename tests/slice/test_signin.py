"""Ways in: password, mailed link, second factor, invitation; and what a stranger or a guesser gets out of them: nothing."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pyotp
import pytest

from tests.harness.chat import CLIENT, SECRET, Chat, ChatClient, Workspace, a_chat, exchange
from tests.harness.databases import FreshDatabase
from tests.harness.eventually import eventually
from tests.harness.mailbox import Mailbox
from tests.harness.workspaces import execute

pytestmark = pytest.mark.anyio
PASSWORD = "correct horse battery"
Reply = dict[str, Any]


@dataclass(frozen=True)
class House:
    chat: Chat
    acme: Workspace
    mail: Mailbox
    ann: ChatClient

    @property
    def nobody(self) -> ChatClient:
        return self.acme.client("")

    async def sign_in(self, email: str = "ann@example.com", password: str = PASSWORD, **more: str) -> Reply:
        return await self.nobody.call("signin.password", email=email, password=password, **more)

    async def forget_attempts(self) -> None:
        await self.sql("DELETE FROM attempts WHERE workspace_id = $1")

    async def wait_longer(self, seconds: int = 60) -> None:
        """For a test whose machine is slow: who has to wait has to wait that much longer."""
        more = f"blocked_until_us = blocked_until_us + {seconds} * 1000000"
        await self.sql(f"UPDATE attempts SET {more} WHERE workspace_id = $1 AND blocked_until_us > 0")

    async def sql(self, statement: str) -> list[Any]:
        return await execute(self.chat.databases.owner_url, statement, self.acme.scope.workspace_id)

    async def with_totp(self) -> tuple[pyotp.TOTP, list[str], int]:
        """Ann's authenticator, her recovery codes, and the step of the code that confirmed it."""
        enrolled = await self.ann.call("signin.totp.enrol")
        authenticator = pyotp.TOTP(enrolled["secret"])
        assert enrolled["uri"].startswith("otpauth://totp/acme:ann?")
        step = await self.step()
        codes = await self.ann.call("signin.totp.confirm", code=authenticator.at(step * 30))
        return authenticator, codes["recovery_codes"], step

    async def step(self) -> int:
        """Now, by the server's clock. Its code is taken now and in the next step, and so is the one after it."""
        [[step]] = await execute(self.chat.databases.owner_url, "SELECT floor(extract(epoch FROM now()) / 30)::bigint")
        return int(step)


@asynccontextmanager
async def a_house(database: FreshDatabase) -> AsyncIterator[House]:
    mail = Mailbox()
    async with a_chat(database, mailer=mail) as chat:
        acme = await chat.found("acme")
        ann = await acme.add("ann")
        assert await ann.call("signin.setPassword", password=PASSWORD) == {"ok": True}
        yield House(chat, acme, mail, ann)


async def test_password(cell_database: FreshDatabase) -> None:
    async with a_house(cell_database) as house:
        reply = await house.nobody.form("signin.password", {"email": "ANN@example.com", "password": PASSWORD})
        session = reply.json
        assert (session["ok"], session["user_id"], session["team_id"]) == (True, house.ann.user_id, house.acme.scope.workspace_id)
        cookie = reply.headers["set-cookie"]
        assert cookie == f"waggle={session['token']}; Path=/w/acme/; Max-Age=2592000; HttpOnly; SameSite=Strict"
        me = await house.acme.client(session["token"]).call("auth.test")
        assert me["user"] == "ann" and 0 < me["expires_in"] <= 2_592_000
        by_cookie = await cookied(house, session["token"])
        assert by_cookie["user"] == "ann", "a browser needs no header"
        for email, password in (("ann@example.com", "wrong"), ("nobody@example.com", PASSWORD), ("owner@acme.example.com", PASSWORD)):
            assert (await house.sign_in(email, password))["error"] == "invalid_credentials"
        await house.acme.owner.call("admin.users.remove", user_id=house.ann.user_id)
        assert (await house.sign_in())["error"] == "invalid_credentials"
        assert {row[0] for row in await house.sql("SELECT action FROM audits WHERE workspace_id = $1")} >= {
            "signin",
            "signin.failed",
            "password.changed",
            "user.deactivated",
        }


async def cookied(house: House, token: str) -> Reply:
    headers = [(b"host", b"chat.test:8080"), (b"cookie", f"a=b; waggle={token}".encode())]
    reply = await exchange(house.acme.workload.app, house.acme.tenant, "POST", "/api/auth.test", b"", headers, b"")
    return reply.json


async def test_secrets_are_kept_as_hashes_alone(cell_database: FreshDatabase) -> None:
    async with a_house(cell_database) as house:
        authenticator, codes, _ = await house.with_totp()
        await house.nobody.call("signin.magicLink", email="ann@example.com")
        link = await house.mail.code("ann@example.com")
        await house.acme.owner.call("admin.users.invite", email="new@example.com")
        invitation = await house.mail.code("new@example.com")
        token = (await house.acme.owner.call("admin.tokens.create", scopes="users:read"))["token"]
        secrets = [PASSWORD, authenticator.secret, *codes, link, invitation, token]
        for table in ("credentials", "recovery_codes", "signin_links", "invitations", "tokens", "audits", "log", "attempts", "users"):
            rows = str(await house.sql(f"SELECT to_jsonb({table}.*) FROM {table} WHERE workspace_id = $1"))
            for secret in secrets:
                assert secret not in rows and secret.encode().hex() not in rows, table
        assert (await house.sql("SELECT password_hash FROM credentials WHERE workspace_id = $1"))[0][0].startswith("$argon2id$")
        assert SECRET.hex() not in str(await house.sql("SELECT to_jsonb(credentials.*) FROM credentials WHERE workspace_id = $1"))


async def test_a_link_signs_in_once_for_15_minutes(cell_database: FreshDatabase) -> None:
    async with a_house(cell_database) as house:
        for email in ("nobody@example.com", "not an address", "ann@example.com"):
            assert await house.nobody.call("signin.magicLink", email=email) == {"ok": True}
        code = await house.mail.code("ann@example.com")
        assert house.mail.letters == [], "strangers get no mail"
        first, second = await asyncio.gather(*(house.nobody.call("signin.redeem", code=code) for _ in range(2)))
        assert sorted((first["ok"], second["ok"])) == [False, True], "of two at once one is first"
        assert (await house.nobody.call("signin.redeem", code=code))["error"] == "invalid_code", "replayed"
        assert (await house.nobody.call("signin.redeem", code="made-up"))["error"] == "invalid_code"
        await house.nobody.call("signin.magicLink", email="ann@example.com")
        late = await house.mail.code("ann@example.com")
        [[lasts_us]] = await house.sql("SELECT expires_us - created_us FROM signin_links WHERE workspace_id = $1 AND used_us IS NULL")
        assert lasts_us == 15 * 60 * 1_000_000
        await house.sql("UPDATE signin_links SET expires_us = created_us WHERE workspace_id = $1")
        assert (await house.nobody.call("signin.redeem", code=late))["error"] == "invalid_code"
        await house.nobody.call("signin.requestPasswordReset", email="ann@example.com")
        reset = await house.mail.code("ann@example.com")
        assert (await house.nobody.call("signin.redeem", code=reset))["error"] == "invalid_code", "a link for one thing is none for another"
        for _ in range(4):
            await house.nobody.call("signin.magicLink", email="ann@example.com")
        settled = "SELECT count(*) FROM signin_links WHERE workspace_id = $1"
        await eventually(lambda: house.sql(settled), within_s=2)
        assert len(house.mail.letters) <= 2, "five an hour"


async def test_a_second_factor_is_asked_for_and_its_codes_are_good_once(cell_database: FreshDatabase) -> None:
    async with a_house(cell_database) as house:
        assert (await house.ann.call("signin.totp.confirm", code="123456"))["error"] == "totp_not_on"
        assert (await house.ann.call("signin.totp.remove", code="123456"))["error"] == "totp_not_on"
        authenticator, recovery, step = await house.with_totp()
        assert len(recovery) == 10 and (await house.ann.call("users.info", user=house.ann.user_id))["user"]["has_2fa"] is True
        assert (await house.ann.call("signin.totp.enrol"))["error"] == "totp_already_on"
        assert (await house.ann.call("signin.totp.confirm", code="1"))["error"] == "totp_already_on"
        assert (await house.sign_in())["error"] == "totp_required"
        assert (await house.sign_in(totp="000000"))["error"] == "invalid_totp"
        assert (await house.sign_in(totp=authenticator.at(step * 30)))["error"] == "invalid_totp", "the code that confirmed is used"
        await house.forget_attempts()
        fresh = authenticator.at((step + 1) * 30)
        assert (await house.sign_in(totp=fresh))["ok"]
        assert (await house.sign_in(totp=fresh))["error"] == "invalid_totp", "replayed"
        assert (await house.sign_in(totp=authenticator.at((step + 40) * 30)))["error"] == "invalid_totp"
        assert (await house.sign_in(totp=recovery[0].upper()))["ok"]
        assert (await house.sign_in(totp=recovery[0]))["error"] == "invalid_totp", "recovery codes too are good once"
        await house.forget_attempts()
        await house.nobody.call("signin.magicLink", email="ann@example.com")
        link = await house.mail.code("ann@example.com")
        assert (await house.nobody.call("signin.redeem", code=link))["error"] == "totp_required"
        assert (await house.nobody.call("signin.redeem", code=link, totp="000000"))["error"] == "invalid_totp"
        assert (await house.nobody.call("signin.redeem", code=link, totp=recovery[1]))["ok"], "a slip does not use the link up"
        assert (await house.ann.call("signin.totp.remove", code="000000"))["error"] == "invalid_totp"
        assert (await house.ann.call("signin.totp.remove", code=recovery[2]))["ok"]
        assert (await house.sign_in())["ok"]
        again = await house.ann.call("signin.totp.enrol")
        assert again["secret"] != authenticator.secret
        assert (await house.ann.call("signin.totp.confirm", code="000000"))["error"] == "invalid_totp"


async def test_guessers_wait_longer_each_time_and_strangers_as_long_as_members(cell_database: FreshDatabase) -> None:
    async with a_house(cell_database) as house:
        for email in ("ann@example.com", "nobody@example.com"):
            words = [(await house.sign_in(email, "wrong guess"))["error"] for _ in range(6)]
            assert words == ["invalid_credentials"] * 6, email
            await house.wait_longer()
            assert (await house.sign_in(email, "wrong guess"))["error"] == "too_many_attempts", email
        right = await house.nobody.form("signin.password", {"email": "ann@example.com", "password": PASSWORD})
        assert (right.status, right.json["error"]) == (429, "too_many_attempts"), "the right answer waits too"
        assert int(right.headers["retry-after"]) >= 50
        await house.wait_longer(-120)
        waits = "SELECT failures, (blocked_until_us - last_us) / 1000000 FROM attempts WHERE workspace_id = $1 AND subject = '{}'"
        subject = "account:" + hashlib.sha256(b"ann@example.com").hexdigest()[:32]
        for expected in ([6, 1], [7, 2], [8, 4]):
            assert [tuple(row) for row in await house.sql(waits.format(subject))] == [tuple(expected)]
            await house.sql("UPDATE attempts SET blocked_until_us = 0 WHERE workspace_id = $1")
            await house.sign_in(password="wrong guess")
        await house.sql("UPDATE attempts SET blocked_until_us = 0 WHERE workspace_id = $1")
        assert (await house.sign_in())["ok"]
        assert await house.sql("SELECT subject FROM attempts WHERE workspace_id = $1 AND failures > 20") == []
        assert await house.sql(waits.format(subject)) == [], "who is right has made no failures"


async def test_an_address_that_tries_many_accounts_waits(cell_database: FreshDatabase) -> None:
    async with a_house(cell_database) as house:
        await house.nobody.call("signin.password", email="a@example.com", password="x")
        await house.sql(f"UPDATE attempts SET failures = 20 WHERE workspace_id = $1 AND subject = 'address:{CLIENT}'")
        assert (await house.sign_in("b@example.com", "x"))["error"] == "invalid_credentials"
        await house.wait_longer()
        assert (await house.sign_in("c@example.com", "x"))["error"] == "too_many_attempts"


async def test_guesses_at_once_all_count(cell_database: FreshDatabase) -> None:
    async with a_house(cell_database) as house:
        replies = await asyncio.gather(*(house.sign_in(password=f"guess number {n}") for n in range(20)))
        words = [reply["error"] for reply in replies]
        assert set(words) == {"invalid_credentials", "too_many_attempts"} and words.count("invalid_credentials") <= 8, "6 within a second"


async def test_a_new_password(cell_database: FreshDatabase) -> None:
    async with a_house(cell_database) as house:
        session = (await house.sign_in())["token"]
        wrong = await house.ann.call("signin.setPassword", password="something else 1", current="not it")
        assert wrong["error"] == "invalid_credentials"
        for weak in ("short", "aaaaaaaaaaaa", "x" * 257):
            assert (await house.ann.call("signin.setPassword", password=weak, current=PASSWORD))["error"] == "invalid_password"
        assert (await house.ann.call("signin.setPassword", password="something else 1", current=PASSWORD))["ok"]
        assert (await house.sign_in(password="something else 1"))["ok"]
        assert await house.nobody.call("signin.requestPasswordReset", email="nobody@example.com") == {"ok": True}
        assert await house.nobody.call("signin.requestPasswordReset", email="ann@example.com") == {"ok": True}
        code = await house.mail.code("ann@example.com")
        assert (await house.nobody.call("signin.resetPassword", code=code, password="short"))["error"] == "invalid_password"
        assert (await house.nobody.call("signin.resetPassword", code=code, password="third password"))["ok"]
        assert (await house.nobody.call("signin.resetPassword", code=code, password="third password"))["error"] == "invalid_code"
        assert (await house.acme.client(session).call("auth.test"))["error"] == "token_revoked", "whoever had the old one is out"
        assert (await house.ann.call("auth.test"))["ok"], "tokens of programs live on"
        assert (await house.sign_in(password="third password"))["ok"]
        for _ in range(6):
            await house.ann.call("signin.setPassword", password="a fourth one", current="guess")
        await house.wait_longer()
        word = (await house.ann.call("signin.setPassword", password="a fourth one", current="guess")).get("error")
        assert word == "too_many_attempts", "nor is guessing any easier from inside"
        words = {}
        methods: dict[str, Reply] = {
            "signin.redeem": {"code": "x"},
            "signin.resetPassword": {"code": "x", "password": PASSWORD},
            "signin.acceptInvitation": {"code": "x"},
            "signin.totp.confirm": {"code": "1"},
            "signin.totp.remove": {"code": "1"},
        }
        for method, arguments in methods.items():
            for _ in range(6):
                await house.ann.call(method, **arguments)
            await house.wait_longer()
            words[method] = (await house.ann.call(method, **arguments)).get("error")
        assert set(words.values()) == {"too_many_attempts"}, words


async def test_sessions_are_seen_and_ended(cell_database: FreshDatabase) -> None:
    async with a_house(cell_database) as house:
        first, second = [(await house.sign_in()) for _ in range(2)]
        here = house.acme.client(first["token"])
        listed = (await here.call("signin.sessions.list"))["sessions"]
        assert [(s["id"], s["current"], s["way"], s["address"]) for s in listed] == [
            (second["session_id"], False, "password", CLIENT),
            (first["session_id"], True, "password", CLIENT),
        ]
        assert (await here.call("signin.sessions.revoke", session_id=second["session_id"]))["ok"]
        assert (await house.acme.client(second["token"]).call("auth.test"))["error"] == "token_revoked"
        others = (await house.acme.owner.call("signin.sessions.list"))["sessions"]
        assert others == []
        for wrong in ("K0000000000000000", "nonsense", first["session_id"]):
            assert (await house.acme.owner.call("signin.sessions.revoke", session_id=wrong))["error"] == "session_not_found"
        seen = await house.acme.owner.call("admin.users.session.list", user_id=house.ann.user_id)
        assert [s["id"] for s in seen["active_sessions"]] == [first["session_id"]]
        assert (await house.acme.owner.call("admin.users.session.invalidate", session_id="x"))["error"] == "session_not_found"
        assert (await house.acme.owner.call("admin.users.session.invalidate", session_id=first["session_id"]))["ok"]
        third = await house.sign_in()
        assert (await house.acme.owner.call("admin.users.session.reset", user_id="U0000000000"))["error"] == "user_not_found"
        assert (await house.acme.owner.call("admin.users.session.reset", user_id=house.ann.user_id))["ok"]
        for token in (first["token"], third["token"]):
            assert (await house.acme.client(token).call("auth.test"))["error"] == "token_revoked"
        assert (await house.ann.call("auth.test"))["ok"]


async def test_an_invitation(cell_database: FreshDatabase) -> None:
    async with a_house(cell_database) as house:
        owner, invite = house.acme.owner, "admin.users.invite"
        channel = (await owner.call("conversations.create", name="dev", is_private=True))["channel"]["id"]
        sent = await owner.call(invite, email="bob@example.com", real_name="Bob", channel_ids=channel, is_restricted=True)
        assert (sent["invitation"]["role"], sent["invitation"]["channel_ids"]) == ("guest", [channel])
        listed = (await owner.call("admin.users.invitations.list"))["invitations"]
        assert [one["email"] for one in listed] == ["bob@example.com"]
        code = await house.mail.code("bob@example.com")
        weak = await house.nobody.call("signin.acceptInvitation", code=code, password="short")
        assert weak["error"] == "invalid_password"
        came = await house.nobody.call("signin.acceptInvitation", code=code, password="a fine password")
        bob = house.acme.client(came["token"])
        face = (await bob.call("users.info", user=came["user_id"]))["user"]
        assert (face["real_name"], face["is_restricted"], face["is_ultra_restricted"]) == ("Bob", True, False)
        mine = await bob.call("users.conversations", types="public_channel,private_channel")
        assert [one["id"] for one in mine["channels"]] == [channel], "a guest is nowhere else"
        assert (await house.sign_in("bob@example.com", "a fine password"))["ok"]
        assert (await house.nobody.call("signin.acceptInvitation", code=code))["error"] == "invalid_code", "good once"
        assert (await owner.call("admin.users.invitations.list"))["invitations"] == []
        await owner.call(invite, email="eve@example.com")
        old = await house.mail.code("eve@example.com")
        again = await owner.call(invite, email="eve@example.com")
        new = await house.mail.code("eve@example.com")
        assert (await house.nobody.call("signin.acceptInvitation", code=old))["error"] == "invalid_code", "the later one stands"
        assert (await owner.call("admin.users.invitations.revoke", invitation_id=again["invitation"]["id"]))["ok"]
        gone = await owner.call("admin.users.invitations.revoke", invitation_id=again["invitation"]["id"])
        assert gone["error"] == "invitation_not_found"
        assert (await house.nobody.call("signin.acceptInvitation", code=new))["error"] == "invalid_code"
        await owner.call(invite, email="dan@example.com")
        late = await house.mail.code("dan@example.com")
        await house.forget_attempts()
        await house.acme.add("dan")
        assert (await house.nobody.call("signin.acceptInvitation", code=late))["error"] == "already_in_team"
        await house.sql("UPDATE invitations SET expires_us = created_us WHERE workspace_id = $1")
        assert (await house.nobody.call("signin.acceptInvitation", code=late))["error"] == "invalid_code"
        await refuse_invitations(house, channel)


async def refuse_invitations(house: House, channel: str) -> None:
    admin = await house.acme.command("user.add", email="admin@example.com", name="admin", role="admin")
    askers = {"owner": house.acme.owner, "admin": house.acme.client(admin["token"]), "ann": house.ann}
    direct = (await house.acme.owner.call("conversations.open", users=house.ann.user_id))["channel"]["id"]
    table: list[tuple[str, Reply, str]] = [
        ("ann", {"email": "x@example.com"}, "not_an_admin"),
        ("owner", {"email": "nonsense"}, "invalid_email"),
        ("owner", {"email": "ANN@example.com"}, "already_in_team"),
        ("owner", {"email": "x@example.com", "is_restricted": True}, "invalid_channel_ids"),
        (
            "owner",
            {"email": "x@example.com", "is_ultra_restricted": True, "channel_ids": f"{channel},{house.acme.general}"},
            "invalid_channel_ids",
        ),
        ("owner", {"email": "x@example.com", "channel_ids": "C0000000000"}, "channel_not_found"),
        ("owner", {"email": "x@example.com", "channel_ids": direct}, "channel_not_found"),
        ("admin", {"email": "x@example.com", "channel_ids": channel}, "channel_not_found"),
        ("owner", {"email": "x@example.com", "guest_expiration_days": 0}, "invalid_expiry"),
    ]
    for who, arguments, word in table:
        reply = await askers[who].call("admin.users.invite", **arguments)
        assert reply.get("error") == word, (who, arguments, reply)
    await house.sql(
        "INSERT INTO invitations SELECT $1, 'I' || n, n::text::bytea, 'x', '', 'member', '{}', 'U1', 1, 9000000000000000"
        " FROM generate_series(1, 10000) n"
    )
    assert (await house.acme.owner.call("admin.users.invite", email="x@example.com"))["error"] == "too_many_invitations"
    for method in ("admin.users.invitations.list", "admin.users.session.list", "admin.tokens.list"):
        assert (await house.ann.call(method))["error"] == "not_an_admin"
    assert (await house.ann.call("admin.users.invitations.revoke", invitation_id="I1"))["error"] == "not_an_admin"
    assert (await house.ann.call("admin.users.session.invalidate", session_id="K1"))["error"] == "not_an_admin"
    assert (await house.ann.call("admin.users.session.reset", user_id="U1"))["error"] == "not_an_admin"


async def test_bots_have_no_way_in_of_their_own(cell_database: FreshDatabase) -> None:
    async with a_house(cell_database) as house:
        methods: dict[str, Reply] = {
            "signin.setPassword": {"password": PASSWORD},
            "signin.totp.enrol": {},
            "signin.totp.confirm": {"code": "1"},
            "signin.totp.remove": {"code": "1"},
        }
        for method, arguments in methods.items():
            assert (await house.acme.bot.call(method, **arguments))["error"] == "not_allowed_token_type"


async def test_tokens_by_an_administrators_hand(cell_database: FreshDatabase) -> None:
    async with a_house(cell_database) as house:
        owner = house.acme.owner
        made = await owner.call("admin.tokens.create", user_id=house.ann.user_id, scopes="users:read", expires_in=60, note="for CI")
        client = house.acme.client(made["token"])
        assert (await client.call("users.list"))["ok"] and (await client.call("team.info"))["error"] == "missing_scope"
        assert 0 < (await client.call("auth.test"))["expires_in"] <= 60
        listed = (await owner.call("admin.tokens.list", user_id=house.ann.user_id))["tokens"]
        assert {one["token_id"]: one["note"] for one in listed}[made["token_id"]] == "for CI" and made["token"] not in json.dumps(listed)
        await house.sql("UPDATE tokens SET expires_us = 1 WHERE workspace_id = $1 AND note = 'for CI'")

        async def over() -> bool:
            return bool((await client.call("auth.test")).get("error") == "token_expired")

        await eventually(over, within_s=1)
        assert (await owner.call("admin.tokens.revoke", token_id=made["token_id"]))["ok"]
        admin = await house.acme.command("user.add", email="admin@example.com", name="admin", role="admin")
        gone = await house.acme.add("gone")
        await owner.call("admin.users.remove", user_id=gone.user_id)
        askers = {"owner": owner, "admin": house.acme.client(admin["token"]), "ann": house.ann}
        table: list[tuple[str, str, Reply, str]] = [
            ("ann", "admin.tokens.create", {"scopes": "users:read"}, "not_an_admin"),
            ("owner", "admin.tokens.create", {"scopes": "users:fly"}, "invalid_scope"),
            ("owner", "admin.tokens.create", {"scopes": "users:read", "expires_in": 1}, "invalid_expiry"),
            ("owner", "admin.tokens.create", {"scopes": "users:read", "user_id": "U0000000000"}, "user_not_found"),
            ("owner", "admin.tokens.create", {"scopes": "users:read", "user_id": gone.user_id}, "user_disabled"),
            ("admin", "admin.tokens.create", {"scopes": "users:read", "user_id": owner.user_id}, "cant_change_owner"),
            ("ann", "admin.tokens.revoke", {"token_id": "K1"}, "not_an_admin"),
            ("owner", "admin.tokens.revoke", {"token_id": "K1"}, "token_not_found"),
        ]
        for who, method, arguments, word in table:
            assert (await askers[who].call(method, **arguments)).get("error") == word, (who, method, arguments)


async def test_the_page_of_mailed_links(cell_database: FreshDatabase) -> None:
    """It does nothing by itself, and runs no script but its own."""
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        reply = await exchange(acme.workload.app, acme.tenant, "GET", "/signin", b"", [], b"")
        assert reply.status == 200 and b"signin.redeem" in reply.body
        script = reply.body.split(b"<script>")[1].split(b"</script>")[0]
        allowed = base64.b64encode(hashlib.sha256(script).digest()).decode()
        assert f"script-src 'sha256-{allowed}'" in reply.headers["content-security-policy"]
        assert reply.headers["referrer-policy"] == "no-referrer"
