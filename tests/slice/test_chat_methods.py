"""Methods: their successes, and the error words that they declare."""

import pytest

from cells.chat.slack.methods import all_methods
from tests.harness.chat import a_chat
from tests.harness.databases import FreshDatabase
from tests.slice import chat_conversations, chat_keeping, chat_messages, chat_presence, chat_refusals  # noqa: F401 - they fill the register
from tests.slice.chat_world import REFUSALS, SUCCESSES, Reply, World, a_world, succeeds

pytestmark = pytest.mark.anyio
METHODS = all_methods()


@succeeds("api.test")
async def api_test(world: World) -> Reply:
    assert (await world.owner.call("api.test")) == {"ok": True}
    assert (await world.owner.call("api.test", error="mine")) == {"ok": False, "error": "mine", "args": {"error": "mine"}}
    return await world.owner.call("api.test", foo="bar")


@succeeds("auth.test")
async def auth_test(world: World) -> Reply:
    assert "bot_id" in await world.bot.call("auth.test")
    reply = await world.owner.call("auth.test")
    assert (reply["team"], reply["user"], reply["url"]) == ("acme", "owner", "http://chat.test:8080/w/acme/")
    return reply


@succeeds("team.info")
async def team_info(world: World) -> Reply:
    return await world.owner.call("team.info", team=world.acme.scope.workspace_id)


@succeeds("users.list")
async def users_list(world: World) -> Reply:
    first = await world.owner.call("users.list", limit=2)
    cursor = first["response_metadata"]["next_cursor"]
    assert cursor.endswith("=")
    second = await world.owner.call("users.list", limit=2, cursor=cursor)
    assert second["response_metadata"]["next_cursor"] == ""
    assert {u["name"] for u in first["members"] + second["members"]} == {"owner", "ann", "waggle"}
    return second


@succeeds("users.info")
async def users_info(world: World) -> Reply:
    blind = await (await world.acme.with_scopes("users:read")).call("users.info", user=world.ann.user_id)
    assert "email" not in blind["user"]["profile"]
    reply = await world.owner.call("users.info", user=world.ann.user_id, include_locale="true")
    assert reply["user"]["profile"]["email"] == "ann@example.com" and reply["user"]["locale"] == "en-US"
    return reply


@succeeds("users.lookupByEmail")
async def users_lookup(world: World) -> Reply:
    return await world.bot.call("users.lookupByEmail", email="ANN@example.com")


@succeeds("conversations.create")
async def create(world: World) -> Reply:
    reply = await world.ann.call("conversations.create", name="#ünicode-1")
    assert reply["channel"]["name"] == "ünicode-1" and reply["channel"]["is_member"]
    return reply


@succeeds("conversations.list")
async def list_(world: World) -> Reply:
    """Each page but the last has a cursor; a private channel is shown to its members alone."""
    everything = "public_channel,private_channel,im,mpim"
    names, cursor = set(), ""
    for _ in range(4):
        page = await world.owner.call("conversations.list", types=everything, limit=1, cursor=cursor)
        names |= {channel["name"] for channel in page["channels"]}
        cursor = page["response_metadata"]["next_cursor"]
    assert names == {"general", "random", "dev", "hidden"} and cursor == ""
    await world.archive(world.dev)
    for_ann = await world.ann.call("conversations.list", types=everything, exclude_archived="True")
    assert {channel["name"] for channel in for_ann["channels"]} == {"general", "random"}
    return for_ann


@succeeds("conversations.info")
async def info(world: World) -> Reply:
    reply = await world.ann.call("conversations.info", channel=world.dev, include_num_members="1")
    assert reply["channel"]["num_members"] == 2 and reply["channel"]["is_member"] is False
    return reply


@succeeds("conversations.join")
async def join(world: World) -> Reply:
    assert (await world.ann.call("conversations.join", channel=world.dev))["channel"]["is_member"]
    again = await world.ann.call("conversations.join", channel=world.dev)
    assert again["warning"] == "already_in_channel"
    return again


@succeeds("conversations.leave")
async def leave(world: World) -> Reply:
    assert await world.owner.call("conversations.leave", channel=world.dev) == {"ok": True}
    return await world.owner.call("conversations.leave", channel=world.dev)


@succeeds("conversations.invite")
async def invite(world: World) -> Reply:
    assert (await world.owner.call("conversations.invite", channel=world.hidden, users=f"{world.ann.user_id},{world.bot.user_id}"))["ok"]
    assert (await world.ann.call("conversations.info", channel=world.hidden))["ok"]
    return (await world.owner.json("conversations.invite", {"channel": world.dev, "users": [world.ann.user_id]})).json


@succeeds("conversations.members")
async def members(world: World) -> Reply:
    page = await world.owner.call("conversations.members", channel=world.dev, limit="1")
    rest = await world.owner.call("conversations.members", channel=world.dev, cursor=page["response_metadata"]["next_cursor"])
    assert sorted(page["members"] + rest["members"]) == sorted([world.owner.user_id, world.bot.user_id])
    return rest


@succeeds("conversations.open")
async def open_(world: World) -> Reply:
    """The same people have the same direct message, whoever opens it."""
    direct = (await world.owner.call("conversations.open", users=world.ann.user_id))["channel"]["id"]
    assert direct.startswith("D")
    again = await world.ann.call("conversations.open", users=world.owner.user_id, return_im="true")
    assert again["already_open"] and (again["channel"]["id"], again["channel"]["user"]) == (direct, world.owner.user_id)
    group = await world.owner.call("conversations.open", users=f"{world.ann.user_id},{world.bot.user_id}")
    assert group["channel"]["is_mpim"]
    assert (await world.bot.call("conversations.info", channel=direct))["error"] == "channel_not_found"
    return await world.ann.call("conversations.open", channel=direct)


@succeeds("conversations.history")
async def history(world: World) -> Reply:
    reply = await world.owner.call("conversations.history", channel=world.dev)
    assert [message["text"] for message in reply["messages"]] == ["first"] and reply["has_more"] is False
    return reply


@succeeds("conversations.replies")
async def replies(world: World) -> Reply:
    for text in ("a", "b"):
        reply = await world.bot.call("chat.postMessage", channel=world.dev, text=text, thread_ts=world.ts)
    thread = await world.owner.call("conversations.replies", channel=world.dev, ts=world.ts)
    assert [m["text"] for m in thread["messages"]] == ["first", "a", "b"]
    assert (thread["messages"][0]["reply_count"], thread["messages"][0]["latest_reply"]) == (2, reply["ts"])
    assert thread == await world.owner.call("conversations.replies", channel=world.dev, ts=reply["ts"])
    return thread


@succeeds("chat.postMessage")
async def post(world: World) -> Reply:
    reply = await world.bot.call("chat.postMessage", channel="#dev", text="hi")
    assert reply["channel"] == world.dev and reply["message"]["bot_id"].startswith("B") and reply["message"]["ts"] == reply["ts"]
    direct = await world.owner.call("chat.postMessage", channel=world.ann.user_id, text="psst")
    assert direct["channel"].startswith("D")
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "x"}, "block_id": "b"}]
    rich = (await world.owner.json("chat.postMessage", {"channel": world.dev, "blocks": blocks, "attachments": [{"text": "a"}]})).json
    assert rich["message"]["blocks"] == blocks and rich["message"]["attachments"] == [{"text": "a", "id": 1}]
    return rich


@succeeds("chat.update")
async def update(world: World) -> Reply:
    reply = await world.owner.call("chat.update", channel=world.dev, ts=world.ts, text="second")
    stored = (await world.owner.call("conversations.history", channel=world.dev))["messages"][0]
    assert stored == reply["message"] and stored["edited"]["user"] == world.owner.user_id
    return reply


@succeeds("chat.delete")
async def delete(world: World) -> Reply:
    """Its author, or an owner; nothing is left to read."""
    said = (await world.bot.call("chat.postMessage", channel=world.dev, text="secret"))["ts"]
    assert (await world.owner.call("chat.delete", channel=world.dev, ts=said)) == {"ok": True, "channel": world.dev, "ts": said}
    assert (await world.owner.call("chat.delete", channel=world.dev, ts=said))["error"] == "message_not_found"
    reply = await world.owner.call("chat.delete", channel=world.dev, ts=world.ts)
    assert (await world.owner.call("conversations.history", channel=world.dev))["messages"] == []
    return reply


@succeeds("reactions.add")
async def react(world: World) -> Reply:
    return await world.owner.call("reactions.add", channel=world.dev, timestamp=world.ts, name=":+1::skin-tone-3:")


@succeeds("reactions.remove")
async def unreact(world: World) -> Reply:
    await world.owner.call("reactions.add", channel=world.dev, timestamp=world.ts, name="smile")
    reply = await world.owner.call("reactions.remove", channel=world.dev, timestamp=world.ts, name="smile")
    assert "reactions" not in (await world.owner.call("reactions.get", channel=world.dev, timestamp=world.ts))["message"]
    return reply


@succeeds("reactions.get")
async def reactions(world: World) -> Reply:
    for client, name in ((world.owner, "b"), (world.bot, "a"), (world.bot, "b")):
        await client.call("reactions.add", channel=world.dev, timestamp=world.ts, name=name)
    reply = await world.owner.call("reactions.get", channel=world.dev, timestamp=world.ts)
    assert reply["message"]["reactions"] == [
        {"name": "b", "users": [world.owner.user_id, world.bot.user_id], "count": 2},
        {"name": "a", "users": [world.bot.user_id], "count": 1},
    ]
    assert reply["message"]["permalink"] == f"http://chat.test:8080/w/acme/archives/{world.dev}/p{world.ts.replace('.', '')}"
    return reply


@succeeds("conversations.mark")
async def mark(world: World) -> Reply:
    """Read again from the start: the owner's own message is not unread to the owner."""
    said = (await world.bot.call("chat.postMessage", channel=world.dev, text="x"))["ts"]
    assert (await world.owner.call("conversations.info", channel=world.dev))["channel"]["unread_count"] == 1
    reply = await world.owner.call("conversations.mark", channel=world.dev, ts=said)
    read = (await world.owner.call("conversations.info", channel=world.dev))["channel"]
    assert (read["last_read"], read["unread_count"], read["unread_count_display"]) == (said, 0, 0)
    return reply


@succeeds("client.counts")
async def counts(world: World) -> Reply:
    said = (await world.bot.call("chat.postMessage", channel=world.dev, text="<!here>"))["ts"]
    reply = await world.owner.call("client.counts")
    first, *rest = reply["channels"]
    assert first == {
        "id": world.dev,
        "last_read": world.ts,
        "latest": said,
        "updated": said,
        "mention_count": 1,
        "has_unreads": True,
    }
    assert [entry["has_unreads"] for entry in rest] == [False] * 3 and reply["channel_badges"]["channels"] == 1
    return reply


async def a_group(world: World) -> str:
    made = await world.owner.call("usergroups.create", name="Dev Team", description="d", channels=world.dev)
    return str(made["usergroup"]["id"])


@succeeds("usergroups.create")
async def usergroup(world: World) -> Reply:
    reply = await world.owner.call("usergroups.create", name="Ops", handle="@on-call")
    assert reply["usergroup"]["id"].startswith("S") and reply["usergroup"]["handle"] == "on-call"
    [*_, event] = await world.acme.events()
    assert (event.kind, event.audience) == ("subteam_created", ("*",))
    return reply


@succeeds("usergroups.list")
async def usergroups(world: World) -> Reply:
    group = await a_group(world)
    assert "users" not in (await world.bot.call("usergroups.list"))["usergroups"][0]
    reply = await world.bot.call("usergroups.list", include_users="true")
    [shown] = reply["usergroups"]
    assert (shown["id"], shown["handle"], shown["users"], shown["prefs"]["channels"]) == (group, "dev-team", [], [world.dev])
    return reply


@succeeds("usergroups.users.update")
async def usergroup_users(world: World) -> Reply:
    group = await a_group(world)
    await world.owner.call("usergroups.users.update", usergroup=group, users=f"{world.ann.user_id},{world.owner.user_id}")
    reply = await world.owner.call("usergroups.users.update", usergroup=group, users=world.ann.user_id)
    assert (reply["usergroup"]["users"], reply["usergroup"]["user_count"]) == ([world.ann.user_id], 1)
    [*_, updated, changed] = await world.acme.events()
    assert (updated.kind, changed.kind) == ("subteam_updated", "subteam_members_changed")
    return reply


@succeeds("usergroups.users.list")
async def usergroup_users_list(world: World) -> Reply:
    group = await a_group(world)
    await world.owner.call("usergroups.users.update", usergroup=group, users=world.ann.user_id)
    reply = await world.bot.call("usergroups.users.list", usergroup=group)
    assert reply["users"] == [world.ann.user_id]
    return reply


@succeeds("rtm.connect")
async def rtm_connect(world: World) -> Reply:
    reply = await world.owner.call("rtm.connect")
    assert reply["url"].startswith(f"ws://chat.test:8080/rtm/{world.acme.scope.workspace_id}/")
    return reply


def family(method: str) -> str:
    return method.partition(".")[0]


SHOWN = set(SUCCESSES) | {method for method, _ in REFUSALS}


@pytest.mark.lasts(230)
@pytest.mark.parametrize("name", sorted(set(map(family, SHOWN))))
async def test_family(name: str, cell_database: FreshDatabase) -> None:
    """Each success and each refusal in a workspace of its own."""
    async with a_chat(cell_database) as chat:
        for method in sorted(method for method in SHOWN if family(method) == name):
            for show in SUCCESSES.get(method, ()):
                assert (await show(await a_world(chat)))["ok"] is True, method
            for (shown, code), refuse in REFUSALS.items():
                if shown == method:
                    reply = await refuse(await a_world(chat))
                    assert (reply["ok"], reply["error"]) == (False, code), (method, reply)


def test_what_is_shown_is_declared() -> None:
    """That everything declared is shown, here or elsewhere, is seen at the end of a whole run: tests/contract/test_subtraction.py."""
    declared = {(method.name, error.code) for method in METHODS.values() for error in method.errors}
    assert set(SUCCESSES) - set(METHODS) == set()
    assert set(REFUSALS) - declared == set()
