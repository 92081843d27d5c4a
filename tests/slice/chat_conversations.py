"""Conversations as people change them, and what guests may not: each method's success and each of its words."""

from collections.abc import Awaitable, Callable
from typing import Any

from cells.chat.domain.members.repository import Members
from cells.runtime.workload import Regrouping
from tests.harness.chat import ChatClient
from tests.slice.chat_refusals import NOWHERE, try_
from tests.slice.chat_world import Reply, World, refuses, succeeds

CHANGES = {
    "conversations.setTopic": {"topic": "t"},
    "conversations.setPurpose": {"purpose": "p"},
    "conversations.rename": {"name": "new-name"},
    "conversations.archive": {},
}
NOTES = ("conversations.setTopic", "conversations.setPurpose")
NAMED = (*CHANGES, "conversations.unarchive", "conversations.kick")
BY_CHANNEL = (*NAMED, "conversations.close")


async def change(world: World, method: str, client: ChatClient | None = None, **arguments: Any) -> Reply:
    """As the owner, on `dev`, with all that any of these methods wants."""
    defaults = {"channel": world.dev, "topic": "t", "purpose": "p", "name": "new-name", "user": world.bot.user_id}
    return await (client or world.owner).call(method, **{**defaults, **arguments})


async def a_guest(world: World, name: str = "guest", role: str = "guest", channel: str = "") -> ChatClient:
    """A guest of `dev`, unless another channel is named."""
    added = await world.acme.command("user.add", email=f"{name}@example.com", name=name, role=role)
    guest = world.acme.client(added["token"], added["user_id"])
    assert (await world.owner.call("conversations.invite", channel=channel or world.dev, users=guest.user_id))["ok"]
    return guest


async def told(world: World, count: int) -> list[tuple[str, tuple[str, ...]]]:
    """Kind and audience of the last events."""
    return [(event.kind, event.audience) for event in list(await world.acme.events())[-count:]]


@succeeds("conversations.setTopic")
async def topic(world: World) -> Reply:
    """A message with a subtype says it in the channel; the same topic again says nothing."""
    reply = await change(world, "conversations.setTopic", world.bot, topic=" ship it ")
    said = (await world.owner.call("conversations.history", channel=world.dev))["messages"][0]
    assert (said["subtype"], said["topic"], said["user"]) == ("channel_topic", "ship it", world.bot.user_id)
    assert said["text"] == f"<@{world.bot.user_id}> set the channel topic: ship it"
    shown = reply["channel"]["topic"]
    assert shown == {"value": "ship it", "creator": world.bot.user_id, "last_set": int(said["ts"].partition(".")[0])}
    head = await world.acme.head()
    again = await change(world, "conversations.setTopic", topic="ship it")
    assert again["channel"]["topic"] == shown and await world.acme.head() == head
    group = (await world.owner.call("conversations.open", users=f"{world.ann.user_id},{world.bot.user_id}"))["channel"]["id"]
    return await change(world, "conversations.setTopic", channel=group)


@succeeds("conversations.setPurpose")
async def purpose(world: World) -> Reply:
    reply = await change(world, "conversations.setPurpose", purpose="to talk")
    said = (await world.owner.call("conversations.history", channel=world.dev))["messages"][0]
    assert (said["subtype"], said["purpose"]) == ("channel_purpose", "to talk")
    assert (await change(world, "conversations.setPurpose", purpose=""))["channel"]["purpose"]["value"] == ""
    return reply


@succeeds("conversations.rename")
async def rename(world: World) -> Reply:
    """By its creator or an administrator; the names before are kept, and messages find it by its new name."""
    reply = await change(world, "conversations.rename", name="#eng")
    assert (reply["channel"]["name"], reply["channel"]["previous_names"]) == ("eng", ["dev"])
    assert await told(world, 2) == [("message", (world.dev,)), ("channel_rename", ("full", world.dev))]
    assert (await world.owner.call("chat.postMessage", channel="eng", text="x"))["channel"] == world.dev
    head = await world.acme.head()
    assert (await change(world, "conversations.rename", name="eng"))["ok"] and await world.acme.head() == head
    mine = (await world.ann.call("conversations.create", name="anns"))["channel"]["id"]
    assert (await change(world, "conversations.rename", world.ann, channel=mine, name="anns-own"))["ok"]
    assert (await change(world, "conversations.rename", channel=world.hidden, name="deep"))["ok"]
    assert (await told(world, 1)) == [("group_rename", (world.hidden,))]
    return reply


@succeeds("conversations.archive")
async def archive(world: World) -> Reply:
    reply = await change(world, "conversations.archive")
    assert await told(world, 2) == [("message", (world.dev,)), ("channel_archive", ("full", world.dev))]
    assert (await world.owner.call("conversations.info", channel=world.dev))["channel"]["is_archived"]
    assert (await world.owner.call("chat.postMessage", channel=world.dev, text="x"))["error"] == "is_archived"
    assert (await world.owner.call("conversations.create", name="dev"))["error"] == "name_taken"
    assert (await change(world, "conversations.archive", channel=world.hidden))["ok"]
    assert (await told(world, 1))[0] == ("group_archive", (world.hidden,))
    return reply


@succeeds("conversations.unarchive")
async def unarchive(world: World) -> Reply:
    """A public one by anyone; who was in it still is."""
    await change(world, "conversations.archive")
    reply = await change(world, "conversations.unarchive", world.ann)
    assert (await told(world, 1))[0] == ("channel_unarchive", ("full", world.dev))
    assert (await world.bot.call("chat.postMessage", channel=world.dev, text="x"))["ok"]
    return reply


@succeeds("conversations.kick")
async def kick(world: World) -> Reply:
    """The member hears of it and then no more; from a private channel any member may take another."""
    reply = await change(world, "conversations.kick")
    assert await told(world, 2) == [("member_left_channel", (world.dev,)), ("channel_left", (world.bot.user_id,))]
    assert (await world.bot.call("chat.postMessage", channel=world.dev, text="x"))["error"] == "not_in_channel"
    await world.owner.call("conversations.invite", channel=world.hidden, users=f"{world.ann.user_id},{world.bot.user_id}")
    assert (await change(world, "conversations.kick", world.ann, channel=world.hidden))["ok"]
    assert (await world.bot.call("conversations.info", channel=world.hidden))["error"] == "channel_not_found"
    return reply


@succeeds("conversations.close")
async def close(world: World) -> Reply:
    """Closed for oneself alone; what is said next opens it again, and so does opening it."""
    direct = (await world.owner.call("conversations.open", users=world.ann.user_id))["channel"]["id"]
    reply = await world.owner.call("conversations.close", channel=direct)
    assert await told(world, 1) == [("im_close", (world.owner.user_id,))]
    assert await is_open(world.owner, direct) is False and await is_open(world.ann, direct) is True
    again = await world.owner.call("conversations.close", channel=direct)
    assert again == {"ok": True, "no_op": True, "already_closed": True}
    await world.ann.call("chat.postMessage", channel=direct, text="x")
    assert await is_open(world.owner, direct) is True
    await world.owner.call("conversations.close", channel=direct)
    reopened = await world.owner.call("conversations.open", channel=direct, return_im="true")
    assert "already_open" not in reopened and reopened["channel"]["is_open"]
    assert await told(world, 1) == [("im_open", (world.owner.user_id,))]
    return reply


async def is_open(client: ChatClient, channel: str) -> bool:
    listed = (await client.call("conversations.list", types="im"))["channels"]
    shown = (await client.call("conversations.info", channel=channel))["channel"]
    assert [face["is_open"] for face in listed if face["id"] == channel] == [shown["is_open"]]
    sidebar = (await client.call("client.counts"))["ims"]
    assert [line["id"] for line in sidebar if line["id"] == channel] == [channel] * shown["is_open"]
    return bool(shown["is_open"])


@succeeds("users.conversations")
async def of_user(world: World) -> Reply:
    """One's own page by page; of another what the caller may know of, private ones that both are in among it."""
    everything = "public_channel,private_channel,im,mpim"
    found, cursor = set(), ""
    for _ in range(4):
        page = await world.owner.call("users.conversations", types=everything, limit=1, cursor=cursor)
        found |= {channel["name"] for channel in page["channels"]}
        cursor = page["response_metadata"]["next_cursor"]
    assert found == {"general", "random", "dev", "hidden"} and cursor == ""
    theirs = await world.ann.call("users.conversations", types=everything, user=world.owner.user_id)
    assert {channel["name"]: channel["is_member"] for channel in theirs["channels"]} == {"general": True, "random": True, "dev": False}
    await change(world, "conversations.archive")
    return await world.bot.call("users.conversations", exclude_archived="true")


@succeeds("conversations.invite")
async def invite_some(world: World) -> Reply:
    """Of a list none comes where one cannot, and each is told why; with `force` the others come."""
    users = f"{world.ann.user_id},U0000000000,{world.bot.user_id}"
    refused = await world.owner.call("conversations.invite", channel=world.dev, users=users)
    assert (refused["ok"], refused["error"]) == (False, "user_not_found")
    assert [(error["user"], error["error"]) for error in refused["errors"]] == [
        ("U0000000000", "user_not_found"),
        (world.bot.user_id, "already_in_channel"),
    ]
    assert (await world.ann.call("conversations.info", channel=world.dev))["channel"]["is_member"] is False
    reply = await world.owner.call("conversations.invite", channel=world.dev, users=users, force="true")
    assert len(reply["errors"]) == 2 and (await world.ann.call("conversations.info", channel=world.dev))["channel"]["is_member"]
    return reply


@succeeds("conversations.open")
async def open_again(world: World) -> Reply:
    """Nine people at most, the opener among them; one conversation for each set of people."""
    people = [(await world.acme.add(f"p{number}")).user_id for number in range(8)]
    group = await world.owner.call("conversations.open", users=",".join(people))
    assert group["channel"]["is_mpim"] and group["channel"]["is_open"] and "already_open" not in group
    assert (await world.owner.call("conversations.open", users=",".join(reversed(people))))["already_open"]
    assert (await world.owner.call("conversations.members", channel=group["channel"]["id"]))["members"] == sorted(
        [*people, world.owner.user_id]
    )
    nothing = await world.owner.call("conversations.open", users=world.ann.user_id, prevent_creation="true")
    assert nothing == {"ok": False, "error": "channel_not_found"}
    return await world.owner.call("conversations.open", users=world.owner.user_id)


@succeeds("conversations.list")
async def list_for_guests(world: World) -> Reply:
    """A guest knows of what they were invited to and hears of nothing else, though it is public."""
    guest = await a_guest(world)
    everything = "public_channel,private_channel,im,mpim"
    reply = await guest.call("conversations.list", types=everything)
    assert [channel["name"] for channel in reply["channels"]] == ["dev"]
    assert [c["name"] for c in (await guest.call("users.conversations", user=world.owner.user_id))["channels"]] == ["dev"]
    for method in ("conversations.info", "conversations.join", "conversations.history", "chat.postMessage", "conversations.mark"):
        seen = await guest.call(method, channel=world.acme.general, text="x", ts=world.ts)
        assert seen["error"] == "channel_not_found", method
    assert (await guest.call("chat.postMessage", channel="#dev", text="x"))["ok"]
    async with world.acme.tenant.reading() as connection:
        groups = await Members(connection, world.acme.scope).groups_of_active([guest.user_id, world.ann.user_id])
    assert groups[guest.user_id] == {world.dev} and "full" in groups[world.ann.user_id]
    return reply


@succeeds("users.profile.set")
async def told_to_guests(world: World) -> Reply:
    """Guests hear of those alone whom they may know of; once they are members they hear what members hear, on sockets they have."""
    guest = await a_guest(world)
    await world.bot.call("users.profile.set", name="title", value="Bee")
    reply = await world.ann.call("users.profile.set", name="title", value="Pilot")
    assert await told(world, 2) == [
        ("user_change", ("full", world.bot.user_id, guest.user_id)),
        ("user_change", ("full", world.ann.user_id)),
    ]
    assert (await world.owner.call("admin.users.setRegular", user_id=guest.user_id))["ok"]
    sessions, events = world.acme.workload.sessions, await world.acme.events()
    assert sessions is not None
    [change] = [change for event in events if event.kind == "reach_changed" for change in sessions.regroupings(event)]
    assert change == Regrouping(guest.user_id, "full", joined=True)
    return reply


@succeeds("users.info")
async def roles(world: World) -> Reply:
    """Each role as Slack shows it."""
    shown = ("is_admin", "is_owner", "is_primary_owner", "is_restricted", "is_ultra_restricted")
    expected = {
        "owner": (True, True, False, False, False),
        "admin": (True, False, False, False, False),
        "member": (False, False, False, False, False),
        "guest": (False, False, False, True, False),
        "single_guest": (False, False, False, True, True),
    }
    for role, flags in expected.items():
        added = await world.acme.command("user.add", email=f"{role}@example.com", role=role)
        face = (await world.owner.call("users.info", user=added["user_id"]))["user"]
        assert tuple(face[name] for name in shown) == flags, role
    reply = await world.owner.call("users.info", user=world.owner.user_id)
    assert tuple(reply["user"][name] for name in shown) == (True, True, True, False, False)
    return reply


@refuses("channel_not_found", *BY_CHANNEL)
async def _(world: World, method: str) -> Reply:
    globex = await world.chat.found("globex")
    for channel in (NOWHERE, globex.general, "dev", "#dev", world.ann.user_id, ""):
        reply = await change(world, method, channel=channel)
        assert reply["error"] == "channel_not_found", channel
    return await change(world, method, world.ann, channel=world.hidden)


@refuses("missing_scope", *BY_CHANNEL, "users.conversations")
async def _(world: World, method: str) -> Reply:
    narrow = await world.acme.with_scopes("im:read", "im:write")
    reply = await change(world, method, narrow)
    assert reply["needed"].startswith("channels:")
    return reply


@refuses("method_not_supported_for_channel_type", *NAMED)
async def _(world: World, method: str) -> Reply:
    direct = (await world.owner.call("conversations.open", users=world.bot.user_id))["channel"]["id"]
    return await change(world, method, channel=direct)


@refuses("method_not_supported_for_channel_type", "conversations.close")
async def _(world: World, method: str) -> Reply:
    return await change(world, method)


@refuses("not_in_channel", *CHANGES, "conversations.kick")
async def _(world: World, method: str) -> Reply:
    if method == "conversations.kick":
        assert (await change(world, method, user=world.ann.user_id))["error"] == "not_in_channel"
    return await change(world, method, world.ann)


@refuses("is_archived", *NOTES, "conversations.rename")
async def _(world: World, method: str) -> Reply:
    await world.archive(world.dev)
    return await change(world, method)


@refuses("too_long", *NOTES)
async def _(world: World, method: str) -> Reply:
    assert (await change(world, method, topic="ü" * 250, purpose="ü" * 250))["ok"]
    return await change(world, method, topic="x" * 251, purpose="x" * 251)


@refuses("not_authorized", "conversations.rename")
async def _(world: World, method: str) -> Reply:
    await world.ann.call("conversations.join", channel=world.dev)
    return await change(world, method, world.ann)


@refuses("already_archived", "conversations.archive")
async def _(world: World, method: str) -> Reply:
    await change(world, method)
    return await change(world, method)


@refuses("cant_archive_general", "conversations.archive")
async def _(world: World, method: str) -> Reply:
    return await change(world, method, channel=world.acme.general)


@refuses("not_archived", "conversations.unarchive")
async def _(world: World, method: str) -> Reply:
    return await change(world, method)


@refuses("restricted_action", "conversations.create", "conversations.archive")
async def _(world: World, method: str) -> Reply:
    return await change(world, method, await a_guest(world))


@refuses("restricted_action", "conversations.kick")
async def _(world: World, method: str) -> Reply:
    """Members take nobody out of public channels; guests nobody out of any."""
    guest = await a_guest(world, channel=world.hidden)
    assert (await change(world, method, guest, channel=world.hidden, user=world.owner.user_id))["error"] == "restricted_action"
    await world.ann.call("conversations.join", channel=world.dev)
    return await change(world, method, world.ann)


@refuses("cant_kick_self", "conversations.kick")
async def _(world: World, method: str) -> Reply:
    return await change(world, method, user=world.owner.user_id)


@refuses("cant_kick_from_general", "conversations.kick")
async def _(world: World, method: str) -> Reply:
    return await change(world, method, channel=world.acme.general)


@refuses("user_not_found", "conversations.kick")
async def _(world: World, method: str) -> Reply:
    globex = await world.chat.found("globex")
    assert (await change(world, method, user=""))["error"] == "user_not_found"
    return await change(world, method, user=globex.owner.user_id)


@refuses("last_member", "conversations.leave")
async def _(world: World, method: str) -> Reply:
    return await world.owner.call(method, channel=world.hidden)


@refuses("user_not_visible", "conversations.open")
async def _(world: World, method: str) -> Reply:
    """Guests write to those with whom they share a channel; others may write to them, and then they may answer."""
    guest = await a_guest(world)
    assert (await guest.call(method, users=f"{world.owner.user_id},{world.bot.user_id}"))["ok"]
    reply = await guest.call(method, users=world.ann.user_id)
    assert (await guest.call("chat.postMessage", channel=world.ann.user_id, text="x"))["error"] == "channel_not_found"
    assert (await world.ann.call(method, users=guest.user_id))["ok"]
    assert (await guest.call(method, users=world.ann.user_id))["already_open"]
    return reply


@refuses("ura_max_channels", "conversations.invite")
async def _(world: World, method: str) -> Reply:
    single = await a_guest(world, role="single_guest")
    return await world.owner.call(method, channel=world.hidden, users=single.user_id)


def _restricted(role: str) -> Callable[[World, str], Awaitable[Reply]]:
    async def show(world: World, method: str) -> Reply:
        guest = await a_guest(world, role=role)
        if method == "conversations.unarchive":
            await world.archive(world.dev)
        return await change(world, method, guest, users=world.ann.user_id)

    return show


refuses("user_is_restricted", *NOTES, "conversations.unarchive", "conversations.invite")(_restricted("guest"))
refuses("user_is_ultra_restricted", *NOTES, "conversations.unarchive", "conversations.invite", "conversations.leave")(
    _restricted("single_guest")
)


@refuses("invalid_cursor", "users.conversations")
async def _(world: World, method: str) -> Reply:
    return await try_(world, method, cursor="?")


@refuses("invalid_types", "users.conversations")
async def _(world: World, method: str) -> Reply:
    return await try_(world, method, types="public_channel,secret")


NAMES = {
    "name_taken": "general",
    "invalid_name_required": " ",
    "invalid_name_maxlength": "x" * 81,
    "invalid_name_punctuation": "-_-",
    "invalid_name_specials": "a b",
    "invalid_name": "Dev",
}
for code, name in NAMES.items():
    refuses(code, "conversations.rename")(lambda world, method, name=name: change(world, method, name=name))  # type: ignore[misc]
