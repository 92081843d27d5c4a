"""Who is here and what they are: users, bots, team, what each keeps for themselves; what administrators decide."""

import io
import json
from typing import Any

import pytest
from PIL import Image

from tests.harness.chat import ChatClient, Workspace, a_chat, exchange
from tests.harness.databases import FreshDatabase
from tests.harness.workspaces import execute
from tests.slice.chat_world import a_world

pytestmark = pytest.mark.anyio
STRANGER = "U0000000000"
Reply = dict[str, Any]


async def test_who_is_who(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        team_id = world.acme.scope.workspace_id
        teams = await world.ann.call("auth.teams.list", include_icon=True)
        assert (teams["teams"][0]["id"], teams["teams"][0]["name"]) == (team_id, "acme") and "icon" in teams["teams"][0]
        assert (await world.ann.call("auth.teams.list", cursor="?"))["error"] == "invalid_cursor"
        assert (await world.ann.call("auth.revoke", test=True)) == {"ok": True, "revoked": False}
        identity = await world.ann.call("users.identity")
        assert (identity["user"]["id"], identity["user"]["email"], identity["team"]["id"]) == (
            world.ann.user_id,
            "ann@example.com",
            team_id,
        )
        assert (await world.bot.call("team.profile.get"))["profile"]["fields"] == []
        mine = (await world.bot.call("bots.info"))["bot"]
        assert mine["user_id"] == world.bot.user_id and mine == (await world.ann.call("bots.info", bot=mine["id"]))["bot"]
        assert (await world.ann.call("bots.info"))["error"] == (await world.ann.call("bots.info", bot="B1"))["error"] == "bot_not_found"
        started = await world.ann.call("rtm.start")
        assert started["url"].startswith("ws://") and started["self"]["id"] == world.ann.user_id
        boot = await world.owner.call("client.userBoot")
        assert {one["name"] for one in boot["channels"]} == {"general", "random", "dev", "hidden"}
        assert (
            boot["self"]["id"] == world.owner.user_id and boot["self"]["prefs"]["muted_channels"] == "" and boot["team"]["domain"] == "acme"
        )


async def test_guests_know_only_whom_they_meet(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        added = await world.acme.command("user.add", email="guest@example.com", name="guest", role="guest")
        guest = world.acme.client(added["token"], added["user_id"])
        assert {user["name"] for user in (await guest.call("users.list"))["members"]} == {"guest"}
        assert (await guest.call("users.info", user=world.ann.user_id))["error"] == "user_not_visible"
        assert (await guest.call("users.lookupByEmail", email="ann@example.com"))["error"] == "users_not_found"
        channel = (await world.ann.call("conversations.create", name="shared"))["channel"]["id"]
        await world.ann.call("conversations.invite", channel=channel, users=guest.user_id)
        assert {user["name"] for user in (await guest.call("users.list"))["members"]} == {"guest", "ann"}
        assert (await guest.call("users.info", user=world.ann.user_id))["user"]["tz"] == "Etc/UTC"


async def test_a_role_is_changed_by_those_above(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        admin = await person(world.acme, "admin")
        second = await person(world.acme, "owner")
        everyone = {"owner": world.owner, "second": second, "admin": admin, "ann": world.ann}
        before = await world.acme.head()
        for method, shows in (("setAdmin", "is_admin"), ("setRestricted", "is_restricted"), ("setOwner", "is_owner")):
            assert (await world.owner.call(f"admin.users.{method}", user_id=world.ann.user_id))["ok"]
            assert (await world.bot.call("users.info", user=world.ann.user_id))["user"][shows] is True
        assert (await world.owner.call("admin.users.setRestricted", user_id=world.ann.user_id, is_ultra_restricted=True))["ok"]
        assert (await world.owner.call("admin.users.setRegular", user_id=world.ann.user_id))["ok"]
        assert [event.kind for event in await world.acme.events(before)].count("user_change") == 5
        page = await admin.call("admin.users.list", limit=1)
        assert (await admin.call("admin.users.list", cursor="?"))["error"] == "invalid_cursor"
        rest = (await admin.call("admin.users.list", cursor=page["response_metadata"]["next_cursor"]))["users"]
        assert {user["email"] for user in [*page["users"], *rest]} >= {"ann@example.com", "owner@acme.example.com"}
        verbs = ("remove", "restore", "setRegular", "setAdmin", "setOwner", "setRestricted")
        table = [
            *(("ann", verb, admin.user_id, "not_an_admin") for verb in verbs),
            *(("owner", verb, STRANGER, "user_not_found") for verb in verbs),
            *(("owner", verb, world.bot.user_id, "cant_change_bot") for verb in verbs),
            *(("admin", verb, second.user_id, "cant_change_owner") for verb in verbs),
            ("second", "remove", world.owner.user_id, "cant_change_owner"),
            ("admin", "setOwner", world.ann.user_id, "cant_change_owner"),
        ]
        for who, verb, user_id, word in table:
            assert (await everyone[who].call(f"admin.users.{verb}", user_id=user_id)).get("error") == word, (who, verb, word)
        assert (await world.ann.call("admin.users.list"))["error"] == "not_an_admin"
        assert (await world.bot.call("admin.users.list"))["error"] == "not_an_admin", "a bot is no administrator, whatever its scopes"


async def person(acme: Workspace, role: str) -> ChatClient:
    added = await acme.command("user.add", email=f"{role}2@example.com", name=role, role=role)
    return acme.client(added["token"], added["user_id"])


async def test_emoji(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        url, before = "https://example.com/bee.png", await world.acme.head()
        assert (await world.ann.call("admin.emoji.add", name=":bee2:", url=url))["ok"]
        assert (await world.ann.call("admin.emoji.addAlias", name="buzz", alias_for="bee2"))["ok"]
        assert (await world.ann.call("admin.emoji.addAlias", name="hum", alias_for=":buzz:"))["ok"]
        listed = await world.bot.call("emoji.list")
        assert listed["emoji"] == {"bee2": url, "buzz": "alias:bee2", "hum": "alias:bee2"}
        assert (await world.ann.call("admin.emoji.rename", name="bee2", new_name="honeybee"))["ok"]
        assert (await world.bot.call("emoji.list"))["emoji"]["hum"] == "alias:honeybee"
        page = await world.ann.call("admin.emoji.list", limit=2)
        last = await world.ann.call("admin.emoji.list", cursor=page["response_metadata"]["next_cursor"])
        assert [*page["emoji"], *last["emoji"]] == ["buzz", "honeybee", "hum"] and last["response_metadata"]["next_cursor"] == ""
        assert page["emoji"]["buzz"]["uploaded_by"] == world.ann.user_id
        assert (await world.ann.call("admin.emoji.remove", name="honeybee"))["ok"]
        assert (await world.bot.call("emoji.list"))["emoji"] == {}
        said = [json.loads(event.payload) for event in await world.acme.events(before)]
        assert [event["subtype"] for event in said] == ["add", "add", "add", "rename", "remove"]
        assert said[-1]["names"] == ["buzz", "honeybee", "hum"]
        await world.ann.call("admin.emoji.add", name="taken", url=url)
        guest = await person(world.acme, "guest")
        table: list[tuple[ChatClient, str, Reply, str]] = [
            (world.ann, "add", {"name": "No", "url": url}, "error_bad_name_i18n"),
            (world.ann, "add", {"name": "taken", "url": url}, "error_name_taken"),
            (world.ann, "add", {"name": "x", "url": "javascript:alert(1)"}, "error_bad_source"),
            (world.ann, "add", {"name": "x", "url": "http://[x"}, "error_bad_source"),
            (world.ann, "addAlias", {"name": "!", "alias_for": "taken"}, "error_bad_name_i18n"),
            (world.ann, "addAlias", {"name": "taken", "alias_for": "smile"}, "error_name_taken"),
            (world.ann, "rename", {"name": "taken", "new_name": "!"}, "error_bad_name_i18n"),
            (world.ann, "rename", {"name": "taken", "new_name": "taken"}, "error_name_taken"),
            (world.ann, "rename", {"name": "gone", "new_name": "x"}, "emoji_not_found"),
            (world.ann, "remove", {"name": "!"}, "error_bad_name_i18n"),
            (world.ann, "remove", {"name": "gone"}, "emoji_not_found"),
            (world.ann, "list", {"cursor": "zz"}, "invalid_cursor"),
            *((guest, verb, {"name": "x", "url": url, "alias_for": "x", "new_name": "x"}, "not_an_admin") for verb in VERBS),
        ]
        for client, verb, arguments, word in table:
            assert (await client.call(f"admin.emoji.{verb}", **arguments)).get("error") == word, (verb, arguments)
        many = "INSERT INTO emoji SELECT $1, 'e' || n, 'x', NULL, 'U1', 1 FROM generate_series(1, 10000) n"
        await execute(chat.databases.owner_url, many, world.acme.scope.workspace_id)
        for verb, meant in (("add", {"url": url}), ("addAlias", {"alias_for": "smile"})):
            assert (await world.ann.call(f"admin.emoji.{verb}", name="last", **meant))["error"] == "emoji_limit_reached"


VERBS = ("add", "addAlias", "rename", "remove", "list")


async def test_saved_items(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        uploaded = await world.owner.call("files.upload", content="text", filename="a.txt", channels=world.dev)
        file_id, before = uploaded["file"]["id"], await world.acme.head()
        items = [{"channel": world.dev, "timestamp": world.ts}, {"channel": world.dev}, {"file": file_id}]
        for item in items:
            assert (await world.ann.call("stars.add", **item)) == {"ok": True}
            assert (await world.ann.call("stars.add", **item))["error"] == "already_starred"
        events = await world.acme.events(before)
        assert {(event.kind, event.audience) for event in events if event.kind.startswith("star")} == {("star_added", (world.ann.user_id,))}
        listed = await world.ann.call("stars.list")
        assert [item["type"] for item in listed["items"]] == ["file", "channel", "message"]
        assert listed["items"][0]["file"]["id"] == file_id and listed["items"][0]["file"]["url_private"].startswith("http")
        assert listed["items"][2]["message"]["text"] == "first" and listed["paging"]["total"] == 3
        page = await world.ann.call("stars.list", limit=2)
        rest = await world.ann.call("stars.list", limit=2, cursor=page["response_metadata"]["next_cursor"])
        assert page["items"] + rest["items"] == listed["items"]
        assert (await world.ann.call("stars.list", count=2, page=2))["items"] == rest["items"]
        assert (await world.owner.call("stars.list"))["items"] == [], "each has their own"
        await world.owner.call("chat.delete", channel=world.dev, ts=world.ts)
        assert [item["type"] for item in (await world.ann.call("stars.list"))["items"]] == ["file", "channel"]
        for item in items:
            assert (await world.ann.call("stars.remove", **item)) == {"ok": True}
            assert (await world.ann.call("stars.remove", **item))["error"] == "not_starred"
        table: list[tuple[str, Reply, str]] = [
            ("add", {}, "no_item_specified"),
            ("remove", {}, "no_item_specified"),
            ("add", {"channel": world.dev, "timestamp": "x"}, "bad_timestamp"),
            ("remove", {"channel": world.dev, "timestamp": "x"}, "bad_timestamp"),
            ("add", {"channel": world.hidden}, "channel_not_found"),
            ("add", {"channel": world.dev, "timestamp": "1000000000.000001"}, "message_not_found"),
            ("add", {"file": "F0000000000"}, "file_not_found"),
            ("list", {"cursor": "?"}, "invalid_cursor"),
        ]
        for verb, arguments, word in table:
            assert (await world.ann.call(f"stars.{verb}", **arguments)).get("error") == word, (verb, arguments)
        many = "INSERT INTO stars SELECT $1, $2, 'x' || n, 'channel', 'C1', 0, '', n FROM generate_series(1, 10000) n"
        await execute(chat.databases.owner_url, many, world.acme.scope.workspace_id, world.ann.user_id)
        assert (await world.ann.call("stars.add", channel=world.dev))["error"] == "too_many_stars"


async def test_settings_of_a_person(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        before = await world.acme.head()
        assert (await world.ann.call("users.prefs.set", prefs={"muted_channels": world.dev}))["ok"]
        assert (await world.ann.call("users.prefs.set", name="time24", value="1"))["prefs"]["muted_channels"] == world.dev
        mine = (await world.ann.call("users.prefs.get"))["prefs"]
        assert (mine["muted_channels"], mine["time24"], mine["emoji_mode"]) == (world.dev, "1", "default")
        assert (await world.owner.call("users.prefs.get"))["prefs"]["muted_channels"] == ""
        told = [(event.kind, event.audience) for event in await world.acme.events(before)]
        assert told == [("pref_change", (world.ann.user_id,))] * 2
        for wrong in ({}, [1], "x", {"x": {"y": 1}}, {"": 1}, {"x": "y" * 20_000}, {str(n): n for n in range(300)}):
            assert (await world.ann.json("users.prefs.set", {"prefs": wrong})).json["error"] == "invalid_prefs", wrong


def multipart(name: str, data: bytes, **fields: str) -> tuple[bytes, str]:
    parts = [f'--x\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode() for key, value in fields.items()]
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'.encode()
    return b"".join([*parts, head, data, b"\r\n--x--\r\n"]), "multipart/form-data; boundary=x"


def picture(width: int = 300, height: int = 200, frames: int = 1) -> bytes:
    out, images = io.BytesIO(), [Image.new("RGB", (width, height), (n, 100, 100)) for n in range(frames)]
    images[0].save(out, "PNG" if frames == 1 else "GIF", **({} if frames == 1 else {"save_all": True, "append_images": images[1:]}))
    return out.getvalue()


async def test_a_photo(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        reply = (await world.ann.raw("users.setPhoto", *multipart("image", picture(), crop_x="50", crop_y="0", crop_w="200"))).json
        url = reply["profile"]["image_72"]
        assert url.startswith("http://127.0.0.1:8080/w/acme/photos/") and url.endswith("/72.png")
        assert (await world.bot.call("users.info", user=world.ann.user_id))["user"]["profile"]["image_72"] == url
        path = url.removeprefix("http://127.0.0.1:8080/w/acme")
        served = await exchange(world.acme.workload.app, world.acme.tenant, "GET", path, b"", [], b"")
        assert (served.status, served.headers["content-type"]) == (200, "image/png") and "immutable" in served.headers["cache-control"]
        assert Image.open(io.BytesIO(served.body)).size == (72, 72)
        for wrong, word in (
            (b"no picture", "bad_image"),
            (picture()[:100], "bad_image"),
            (picture(5_000, 2), "too_large"),
            (b"x" * 1_000_001, "too_large"),
            (picture(frames=2), "too_many_frames"),
        ):
            assert (await world.ann.raw("users.setPhoto", *multipart("image", wrong))).json["error"] == word, word
        assert (await world.ann.raw("users.setPhoto", *multipart("other", b"x"))).json["error"] == "not_found"
        assert (await world.ann.call("users.deletePhoto"))["ok"]
        gone = await exchange(world.acme.workload.app, world.acme.tenant, "GET", path, b"", [], b"")
        assert gone.status == 404 and "image_72" not in (await world.ann.call("users.profile.get"))["profile"]
