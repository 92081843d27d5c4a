"""What a conversation keeps at hand (pins, bookmarks) and groups that change: each method's success and each of its words."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.harness.chat import ChatClient
from tests.slice.chat_conversations import a_guest
from tests.slice.chat_refusals import GROUPS, NEVER, NOWHERE
from tests.slice.chat_world import Reply, World, refuses, succeeds

PINS = ("pins.add", "pins.remove")
BOOKMARKS = ("bookmarks.add", "bookmarks.edit", "bookmarks.remove")
SWITCHES = ("usergroups.disable", "usergroups.enable")


async def pin(world: World, method: str, client: ChatClient | None = None, **arguments: Any) -> Reply:
    return await (client or world.owner).call(method, **{"channel": world.dev, "timestamp": world.ts, **arguments})


async def bookmark(world: World, method: str, client: ChatClient | None = None, **arguments: Any) -> Reply:
    defaults = {"channel_id": world.dev, "title": "Runbook", "type": "link", "link": "https://example.com/r", "bookmark_id": "Bk0000000000"}
    return await (client or world.owner).call(method, **{**defaults, **arguments})


async def a_group(world: World, name: str = "devs") -> str:
    return str((await world.owner.call("usergroups.create", name=name))["usergroup"]["id"])


@succeeds("pins.add")
async def pins_add(world: World) -> Reply:
    """A guest may pin as well; a message that is deleted takes its pin along."""
    reply = await pin(world, "pins.add", await a_guest(world))
    [*_, event] = await world.acme.events()
    assert (event.kind, event.audience) == ("pin_added", (world.dev,))
    history = await world.owner.call("conversations.history", channel=world.dev)
    assert history["pin_count"] == 1
    await world.owner.call("chat.delete", channel=world.dev, ts=world.ts)
    assert (await world.owner.call("pins.list", channel=world.dev))["items"] == []
    return reply


@succeeds("pins.list")
async def pins_list(world: World) -> Reply:
    """The latest pinned first, whenever it was said."""
    second = (await world.bot.call("chat.postMessage", channel=world.dev, text="second"))["ts"]
    await pin(world, "pins.add", timestamp=second)
    await pin(world, "pins.add", world.bot)
    reply = await world.ann.call("pins.list", channel=world.dev)
    assert [(item["message"]["ts"], item["created_by"]) for item in reply["items"]] == [
        (world.ts, world.bot.user_id),
        (second, world.owner.user_id),
    ]
    assert reply["items"][0]["message"]["permalink"].endswith(f"/archives/{world.dev}/p{world.ts.replace('.', '')}")
    return reply


@succeeds("pins.remove")
async def pins_remove(world: World) -> Reply:
    await pin(world, "pins.add")
    reply = await pin(world, "pins.remove", world.bot)
    [*_, event] = await world.acme.events()
    assert event.kind == "pin_removed" and '"has_pins":false' in event.payload
    return reply


@succeeds("bookmarks.add")
async def bookmarks_add(world: World) -> Reply:
    reply = await bookmark(world, "bookmarks.add", emoji="books")
    shown = reply["bookmark"]
    assert shown["id"].startswith("Bk") and (shown["title"], shown["emoji"], shown["date_updated"]) == ("Runbook", ":books:", 0)
    [*_, event] = await world.acme.events()
    assert (event.kind, event.audience) == ("bookmark_added", (world.dev,))
    return reply


@succeeds("bookmarks.edit")
async def bookmarks_edit(world: World) -> Reply:
    """What is not given stays."""
    made = (await bookmark(world, "bookmarks.add"))["bookmark"]["id"]
    arguments = {"channel_id": world.dev, "bookmark_id": made, "title": "Old runbook"}
    reply = await world.bot.call("bookmarks.edit", **arguments)
    assert (reply["bookmark"]["title"], reply["bookmark"]["link"]) == ("Old runbook", "https://example.com/r")
    assert reply["bookmark"]["last_updated_by_user_id"] == world.bot.user_id
    return reply


@succeeds("bookmarks.list")
async def bookmarks_list(world: World) -> Reply:
    made = [(await bookmark(world, "bookmarks.add", title=title))["bookmark"] for title in ("a", "b")]
    reply = await world.ann.call("bookmarks.list", channel_id=world.dev)
    assert reply["bookmarks"] == made
    return reply


@succeeds("bookmarks.remove")
async def bookmarks_remove(world: World) -> Reply:
    made = (await bookmark(world, "bookmarks.add"))["bookmark"]["id"]
    reply = await bookmark(world, "bookmarks.remove", bookmark_id=made)
    assert (await world.owner.call("bookmarks.list", channel_id=world.dev))["bookmarks"] == []
    return reply


@succeeds("usergroups.update")
async def usergroups_update(world: World) -> Reply:
    """What is not given stays; nothing is said where nothing changes."""
    group = await a_group(world)
    reply = await world.owner.call("usergroups.update", usergroup=group, name="Developers", channels=world.dev)
    shown = reply["usergroup"]
    assert (shown["name"], shown["handle"], shown["prefs"]["channels"]) == ("Developers", "devs", [world.dev])
    head = await world.acme.head()
    again = await world.owner.call("usergroups.update", usergroup=group, name="Developers", handle="devs")
    assert again["usergroup"] == shown and await world.acme.head() == head
    return reply


@succeeds("usergroups.disable")
async def usergroups_disable(world: World) -> Reply:
    """It is left out of the list unless it is asked for; switching it off twice is no mistake."""
    group = await a_group(world)
    await world.owner.call("usergroups.users.update", usergroup=group, users=world.ann.user_id)
    reply = await world.owner.call("usergroups.disable", usergroup=group)
    assert reply["usergroup"]["date_delete"] > 0 and reply["usergroup"]["deleted_by"] == world.owner.user_id
    assert (await world.owner.call("usergroups.disable", usergroup=group))["usergroup"] == reply["usergroup"]
    assert (await world.owner.call("usergroups.list"))["usergroups"] == []
    everyone = await world.owner.call("usergroups.list", include_disabled="true")
    assert [shown["id"] for shown in everyone["usergroups"]] == [group]
    assert (await world.owner.call("usergroups.users.list", usergroup=group))["error"] == "no_such_subteam"
    kept = await world.owner.call("usergroups.users.list", usergroup=group, include_disabled="true")
    assert kept["users"] == [world.ann.user_id]
    return reply


@succeeds("usergroups.enable")
async def usergroups_enable(world: World) -> Reply:
    group = await a_group(world)
    await world.owner.call("usergroups.disable", usergroup=group)
    reply = await world.owner.call("usergroups.enable", usergroup=group)
    assert (reply["usergroup"]["date_delete"], reply["usergroup"]["deleted_by"]) == (0, None)
    return reply


@refuses("channel_not_found", *PINS, "pins.list", *BOOKMARKS, "bookmarks.list")
async def _(world: World, method: str) -> Reply:
    globex = await world.chat.found("globex")
    ask = pin if method.startswith("pins") else bookmark
    for channel in (NOWHERE, globex.general, ""):
        assert (await ask(world, method, channel=channel, channel_id=channel))["error"] == "channel_not_found"
    return await ask(world, method, world.ann, channel=world.hidden, channel_id=world.hidden)


@refuses("no_item_specified", *PINS)
async def _(world: World, method: str) -> Reply:
    return await pin(world, method, timestamp="")


@refuses("bad_timestamp", *PINS)
async def _(world: World, method: str) -> Reply:
    return await pin(world, method, timestamp="now")


@refuses("message_not_found", *PINS)
async def _(world: World, method: str) -> Reply:
    return await pin(world, method, timestamp=NEVER)


@refuses("not_in_channel", "pins.add")
async def _(world: World, method: str) -> Reply:
    assert (await pin(world, "pins.remove", world.ann))["error"] == "restricted_action"
    return await pin(world, method, world.ann)


@refuses("restricted_action", *PINS)
async def _(world: World, method: str) -> Reply:
    await world.archive(world.dev)
    return await pin(world, method)


@refuses("already_pinned", "pins.add")
async def _(world: World, method: str) -> Reply:
    await pin(world, method)
    head = await world.acme.head()
    reply = await pin(world, method, world.bot)
    assert await world.acme.head() == head
    return reply


@refuses("no_pin", "pins.remove")
async def _(world: World, method: str) -> Reply:
    return await pin(world, method)


@refuses("too_many_pins", "pins.add")
async def _(world: World, method: str) -> Reply:
    for _ in range(100):
        said = (await world.bot.call("chat.postMessage", channel=world.dev, text=f"n{_}"))["ts"]
        assert (await pin(world, method, timestamp=said))["ok"]
    return await pin(world, method)


@refuses("permission_denied", *BOOKMARKS)
async def _(world: World, method: str) -> Reply:
    """Guests; who is not in the channel; anyone once it is archived."""
    assert (await bookmark(world, method, await a_guest(world)))["error"] == "permission_denied"
    assert (await bookmark(world, method, world.ann))["error"] == "permission_denied"
    await world.archive(world.dev)
    return await bookmark(world, method)


@refuses("not_found", "bookmarks.edit", "bookmarks.remove")
async def _(world: World, method: str) -> Reply:
    elsewhere = (await bookmark(world, "bookmarks.add", channel_id=world.hidden))["bookmark"]["id"]
    return await bookmark(world, method, bookmark_id=elsewhere)


@refuses("invalid_bookmark_type", "bookmarks.add")
async def _(world: World, method: str) -> Reply:
    return await bookmark(world, method, type="folder")


def _bad_part(name: str, *bad: str) -> Callable[[World, str], Awaitable[Reply]]:
    async def show(world: World, method: str) -> Reply:
        made = (await bookmark(world, "bookmarks.add"))["bookmark"]["id"]
        return [await bookmark(world, method, None, bookmark_id=made, **{name: value}) for value in bad][-1]

    return show


refuses("invalid_link", "bookmarks.add", "bookmarks.edit")(_bad_part("link", "https://", "x" * 3_000, "javascript:alert(1)"))
refuses("invalid_emoji", "bookmarks.add", "bookmarks.edit")(_bad_part("emoji", "::", "a b"))


@refuses("too_many_bookmarks", "bookmarks.add")
async def _(world: World, method: str) -> Reply:
    for _ in range(100):
        assert (await bookmark(world, method))["ok"]
    return await bookmark(world, method)


@refuses("no_such_subteam", "usergroups.update", *SWITCHES)
async def _(world: World, method: str) -> Reply:
    return await world.owner.call(method, usergroup="S0000000000")


@refuses("permission_denied", "usergroups.update", *SWITCHES)
async def _(world: World, method: str) -> Reply:
    """Bots, and guests."""
    group = await a_group(world)
    assert (await (await a_guest(world)).call(method, usergroup=group))["error"] == "permission_denied"
    return await world.bot.call(method, usergroup=group)


@refuses("name_already_exists", "usergroups.update")
async def _(world: World, method: str) -> Reply:
    await a_group(world, "ops")
    return await world.owner.call(method, usergroup=await a_group(world), name="OPS")


@refuses("invalid_channel_provided", "usergroups.update")
async def _(world: World, method: str) -> Reply:
    return await world.owner.call(method, usergroup=await a_group(world), channels=NOWHERE)


def _bad_group(group: dict[str, str]) -> Callable[[World, str], Awaitable[Reply]]:
    async def show(world: World, method: str) -> Reply:
        return await world.owner.call(method, usergroup=await a_group(world, "plain"), **group)

    return show


for code, group in GROUPS.items():
    refuses(code, "usergroups.update")(_bad_group(group))
