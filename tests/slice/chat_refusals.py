"""Each method's own error words, each shown once. Every showing is called `_`: the register keeps it."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from tests.slice.chat_world import Reply, World, refuses

NOWHERE = "C0000000000"
NEVER = "1000000000.000001"
HISTORIES = ("conversations.history", "conversations.replies")
DRAFTS = ("chat.postMessage", "chat.update", "chat.scheduleMessage", "chat.postEphemeral")
NOT_WHOLE = ("chat.update", "chat.postEphemeral")
"""Their word for what is too large is another."""
BY_CHANNEL = (
    *HISTORIES,
    *DRAFTS,
    "chat.delete",
    "chat.deleteScheduledMessage",
    "chat.getPermalink",
    "chat.meMessage",
    "chat.startStream",
    "chat.appendStream",
    "chat.stopStream",
    "conversations.info",
    "conversations.invite",
    "conversations.join",
    "conversations.leave",
    "conversations.mark",
    "conversations.members",
    "conversations.open",
    "reactions.add",
    "reactions.get",
    "reactions.remove",
)


async def try_(world: World, method: str, **arguments: Any) -> Reply:
    """As the owner, with everything any method wants unless it is given."""
    defaults = {"channel": world.dev, "ts": world.ts, "timestamp": world.ts, "text": "x", "name": "smile", "users": world.ann.user_id}
    defaults |= {"message_ts": world.ts, "scheduled_message_id": "Q0", "post_at": str(int(time.time()) + 3_600)}
    if method.endswith("Stream"):
        defaults |= {"markdown_text": "x"}
    if method == "chat.postEphemeral":
        defaults["user"] = world.bot.user_id
    return await world.owner.call(method, **{**defaults, **arguments})


@refuses("channel_not_found", *BY_CHANNEL)
async def _(world: World, method: str) -> Reply:
    """Unknown, another workspace's, and private to others: one answer for all."""
    globex = await world.chat.found("globex")
    replies = [await try_(world, method, channel=channel) for channel in (NOWHERE, globex.general, "", "nowhere")]
    arguments = {"channel": world.hidden, "ts": world.ts, "timestamp": world.ts, "text": "x", "name": "smile", "users": world.bot.user_id}
    arguments |= {"message_ts": world.ts, "scheduled_message_id": "Q0", "post_at": str(int(time.time()) + 3_600), "user": "U0000000000"}
    arguments |= {"markdown_text": "x"} if method.endswith("Stream") else {}
    replies.append(await world.ann.call(method, **arguments))
    expected = [r for r in replies if r != replies[0]]
    # conversations.open and reactions take an empty channel for none given
    assert len(expected) <= 1, replies
    return replies[0]


@refuses("missing_scope", *HISTORIES, *(name for name in BY_CHANNEL if name.startswith("conversations.") and name != "conversations.join"))
async def _(world: World, method: str) -> Reply:
    """Scopes for direct messages open the method, but not a public channel."""
    narrow = await world.acme.with_scopes("im:read", "im:write", "im:history")
    reply = await narrow.call(method, channel=world.dev, ts=world.ts, users=world.ann.user_id)
    assert reply["provided"] == "im:read,im:write,im:history" and reply["needed"].startswith("channels:")
    return reply


@refuses("missing_scope", "conversations.create", "conversations.list")
async def _(world: World, method: str) -> Reply:
    narrow = await world.acme.with_scopes("im:read", "im:write")
    return await narrow.call(method, name="new")


@refuses("invalid_cursor", *HISTORIES, "conversations.members", "conversations.list", "users.list")
async def _(world: World, method: str) -> Reply:
    for cursor in ("?", "x" * 300, "dXNlcjo=", "bmV4dF90czp4eHg=", "ünï"):
        reply = await try_(world, method, cursor=cursor)
        assert reply["error"] == "invalid_cursor", cursor
    return reply


@refuses("invalid_ts_oldest", *HISTORIES)
async def _(world: World, method: str) -> Reply:
    return await try_(world, method, oldest="yesterday")


@refuses("invalid_ts_latest", *HISTORIES)
async def _(world: World, method: str) -> Reply:
    return await try_(world, method, latest="-1")


@refuses("not_in_channel", "conversations.history")
async def _(world: World, method: str) -> Reply:
    open_channel = (await world.owner.call("conversations.create", name="open"))["channel"]["id"]
    replies = await world.bot.call("conversations.replies", channel=open_channel, ts=world.ts)
    assert replies["error"] == "channel_not_found"
    return await world.bot.call(method, channel=open_channel, ts=world.ts)


@refuses("thread_not_found", "conversations.replies")
async def _(world: World, method: str) -> Reply:
    assert (await try_(world, method, ts=NEVER))["error"] == "thread_not_found"
    return await try_(world, method, ts="x")


@refuses("no_text", *DRAFTS, "chat.meMessage")
async def _(world: World, method: str) -> Reply:
    return await try_(world, method, text="")


@refuses("msg_too_long", *DRAFTS, "chat.meMessage")
async def _(world: World, method: str) -> Reply:
    if method != "chat.postEphemeral":
        assert (await try_(world, method, text="ü" * 40_000))["ok"]
    assert (await try_(world, method, text="", markdown_text="x" * 12_001))["error"] in ("msg_too_long", "no_text")
    head = await world.acme.head()
    reply = await try_(world, method, text="x" * 40_001)
    assert await world.acme.head() == head
    return reply


@refuses("markdown_text_conflict", *DRAFTS)
async def _(world: World, method: str) -> Reply:
    return await try_(world, method, markdown_text="*x*")


@refuses("invalid_blocks", *DRAFTS)
async def _(world: World, method: str) -> Reply:
    assert (await try_(world, method, blocks=[{"type": "divider"}] * 51))["error"] == "invalid_blocks"
    return await try_(world, method, blocks=[1])


@refuses("invalid_blocks_format", *DRAFTS)
async def _(world: World, method: str) -> Reply:
    assert (await try_(world, method, blocks="[{"))["error"] == "invalid_blocks_format"
    return await try_(world, method, blocks={"type": "divider"})


LONG = [{"type": "section", "text": {"type": "plain_text", "text": "x" * 3_000}}] * 34


@refuses("msg_blocks_too_long", "chat.postMessage", "chat.scheduleMessage")
async def _(world: World, method: str) -> Reply:
    for other in NOT_WHOLE:
        assert (await try_(world, other, blocks=LONG))["error"] == "invalid_blocks"
    return await try_(world, method, blocks=LONG)


@refuses("too_many_attachments", *DRAFTS)
async def _(world: World, method: str) -> Reply:
    return await try_(world, method, attachments=[{}] * 101)


@refuses("invalid_attachments", *NOT_WHOLE)
async def _(world: World, method: str) -> Reply:
    return await try_(world, method, attachments=[{"text": "x" * 30_000}] * 4)


@refuses("attachment_payload_limit_exceeded", "chat.postMessage", "chat.scheduleMessage")
async def _(world: World, method: str) -> Reply:
    return await try_(world, method, attachments=[{"text": "x" * 30_000}] * 4)


@refuses("invalid_metadata_format", *DRAFTS)
async def _(world: World, method: str) -> Reply:
    assert (await try_(world, method, metadata={"event_type": "x", "event_payload": []}))["error"] == "invalid_metadata_format"
    return await try_(world, method, metadata=[1])


@refuses("metadata_too_large", *DRAFTS)
async def _(world: World, method: str) -> Reply:
    return await try_(world, method, metadata={"event_type": "x", "event_payload": {"x": "x" * 16_000}})


@refuses("not_in_channel", "chat.postMessage", "chat.meMessage", "chat.scheduleMessage", "chat.postEphemeral", "chat.startStream")
async def _(world: World, method: str) -> Reply:
    later = str(int(time.time()) + 3_600)
    return await world.ann.call(method, channel=world.dev, text="x", post_at=later, user=world.bot.user_id)


@refuses("cannot_reply_to_message", "chat.postMessage", "chat.postEphemeral", "chat.startStream")
async def _(world: World, method: str) -> Reply:
    return await try_(world, method, thread_ts=NEVER)


@refuses(
    "message_not_found",
    "chat.update",
    "chat.delete",
    "chat.getPermalink",
    "chat.appendStream",
    "chat.stopStream",
    "reactions.add",
    "reactions.remove",
    "reactions.get",
)
async def _(world: World, method: str) -> Reply:
    globex = await world.chat.found("globex")
    foreign = (await globex.owner.call("chat.postMessage", channel=globex.general, text="x"))["ts"]
    for ts in (NEVER, foreign):
        reply = await try_(world, method, ts=ts, timestamp=ts, message_ts=ts)
        assert reply["error"] == "message_not_found"
    return reply


refuses("cant_update_message", "chat.update")(lambda world, method: world.ann.call(method, channel=world.dev, ts=world.ts, text="x"))
refuses("cant_delete_message", "chat.delete")(lambda world, method: world.ann.call(method, channel=world.dev, ts=world.ts))


@refuses("is_inactive", "chat.update")
async def _(world: World, method: str) -> Reply:
    await world.archive(world.dev)
    return await try_(world, method)


@refuses(
    "is_archived",
    "chat.postMessage",
    "chat.meMessage",
    "chat.scheduleMessage",
    "chat.postEphemeral",
    "chat.startStream",
    "reactions.add",
    "conversations.leave",
    "conversations.invite",
)
async def _(world: World, method: str) -> Reply:
    await world.archive(world.dev)
    return await try_(world, method)


@refuses("is_archived", "conversations.join")
async def _(world: World, method: str) -> Reply:
    await world.archive(world.dev)
    return await world.ann.call(method, channel=world.dev)


@refuses("bad_timestamp", "reactions.add", "reactions.remove", "reactions.get")
async def _(world: World, method: str) -> Reply:
    return await try_(world, method, timestamp="now")


@refuses("no_item_specified", "reactions.add", "reactions.remove", "reactions.get")
async def _(world: World, method: str) -> Reply:
    return await try_(world, method, timestamp="")


@refuses("invalid_name", "reactions.add", "reactions.remove")
async def _(world: World, method: str) -> Reply:
    for name in ("", "a b", "x" * 101, "Smile", "a::skin-tone-9"):
        reply = await try_(world, method, name=name)
        assert reply["error"] == "invalid_name", name
    return reply


@refuses("already_reacted", "reactions.add")
async def _(world: World, method: str) -> Reply:
    assert (await try_(world, method))["ok"]
    return await try_(world, method, name=":smile:")


@refuses("no_reaction", "reactions.remove")
async def _(world: World, method: str) -> Reply:
    await world.bot.call("reactions.add", channel=world.dev, timestamp=world.ts, name="smile")
    return await try_(world, method)


@refuses("too_many_reactions", "reactions.add")
async def _(world: World, method: str) -> Reply:
    for number in range(23):
        assert (await try_(world, method, name=f"e{number}"))["ok"]
    return await try_(world, method)


@refuses("too_many_emoji", "reactions.add")
async def _(world: World, method: str) -> Reply:
    for client, emoji in ((world.owner, range(23)), (world.bot, range(23, 46)), (world.ann, range(46, 50))):
        for number in emoji:
            assert (await client.call(method, channel=world.dev, timestamp=world.ts, name=f"e{number}"))["ok"]
    assert (await world.ann.call(method, channel=world.dev, timestamp=world.ts, name="e1"))["ok"]
    return await world.ann.call(method, channel=world.dev, timestamp=world.ts, name="smile")


@refuses("method_not_supported_for_channel_type", "conversations.leave", "conversations.invite")
async def _(world: World, method: str) -> Reply:
    direct = (await world.owner.call("conversations.open", users=world.ann.user_id))["channel"]["id"]
    return await try_(world, method, channel=direct)


@refuses("method_not_supported_for_channel_type", "conversations.join")
async def _(world: World, method: str) -> Reply:
    return await try_(world, method, channel=world.hidden)


@refuses("method_not_supported_for_channel_type", "conversations.open")
async def _(world: World, method: str) -> Reply:
    return await try_(world, method)


@refuses("cant_leave_general", "conversations.leave")
async def _(world: World, method: str) -> Reply:
    return await try_(world, method, channel=world.acme.general)


@refuses("not_in_channel", "conversations.invite")
async def _(world: World, method: str) -> Reply:
    return await world.ann.call(method, channel=world.dev, users=world.bot.user_id)


@refuses("no_user", "conversations.invite")
async def _(world: World, method: str) -> Reply:
    return await try_(world, method, users="")


@refuses("cant_invite_self", "conversations.invite")
async def _(world: World, method: str) -> Reply:
    return await try_(world, method, users=world.owner.user_id)


@refuses("user_not_found", "conversations.invite")
async def _(world: World, method: str) -> Reply:
    globex = await world.chat.found("globex")
    return await try_(world, method, users=f"{world.ann.user_id},{globex.owner.user_id}")


@refuses("already_in_channel", "conversations.invite")
async def _(world: World, method: str) -> Reply:
    return await try_(world, method, users=world.bot.user_id)


@refuses("user_not_found", "conversations.open", "users.info")
async def _(world: World, method: str) -> Reply:
    globex = await world.chat.found("globex")
    return await world.owner.call(method, users=globex.owner.user_id, user=globex.owner.user_id)


@refuses("user_disabled", "conversations.open")
async def _(world: World, method: str) -> Reply:
    await world.disable(world.ann.user_id)
    return await world.owner.call(method, users=world.ann.user_id)


@refuses("users_list_not_supplied", "conversations.open")
async def _(world: World, method: str) -> Reply:
    return await world.owner.call(method)


@refuses("not_enough_users", "conversations.open")
async def _(world: World, method: str) -> Reply:
    return await world.owner.call(method, users=" , ")


@refuses("too_many_users", "conversations.open")
async def _(world: World, method: str) -> Reply:
    return await world.owner.call(method, users=",".join(f"U000000000{n}" for n in range(9)))


@refuses("not_in_channel", "conversations.mark")
async def _(world: World, method: str) -> Reply:
    return await world.ann.call(method, channel=world.dev, ts=world.ts)


@refuses("invalid_timestamp", "conversations.mark")
async def _(world: World, method: str) -> Reply:
    return await try_(world, method, ts="now")


GROUPS = {
    "missing_subteam_name": {"name": " "},
    "name_too_long": {"name": "x" * 81},
    "description_too_long": {"name": "x", "description": "x" * 1_001},
    "bad_handle": {"name": "x", "handle": "Not A Handle"},
    "forbidden_handle": {"name": "x", "handle": "@here"},
    "handle_already_exists": {"name": "x", "handle": "ann"},
}
for code, group in GROUPS.items():
    refuses(code, "usergroups.create")(lambda world, method, group=group: world.owner.call(method, **group))  # type: ignore[misc]


@refuses("name_already_exists", "usergroups.create")
async def _(world: World, method: str) -> Reply:
    await world.owner.call(method, name="devs")
    return await world.owner.call(method, name="DEVS", handle="other")


@refuses("invalid_channel_provided", "usergroups.create")
async def _(world: World, method: str) -> Reply:
    globex = await world.chat.found("globex")
    for channel in (NOWHERE, globex.general):
        reply = await world.owner.call(method, name="x", channels=channel)
        assert reply["error"] == "invalid_channel_provided"
    return await world.ann.call(method, name="x", channels=world.hidden)


@refuses("permission_denied", "usergroups.create", "usergroups.users.update")
async def _(world: World, method: str) -> Reply:
    return await world.bot.call(method, name="x", usergroup="S0000000000", users=world.ann.user_id)


@refuses("no_such_subteam", "usergroups.users.update", "usergroups.users.list")
async def _(world: World, method: str) -> Reply:
    return await world.owner.call(method, usergroup="S0000000000", users=world.ann.user_id)


GROUP_USERS = {
    "no_users_provided": " , ",
    "invalid_users": "U0000000000",
    "subteam_max_users_exceeded": ",".join(f"U{number:010}" for number in range(1_001)),
}


def _group_users(users: str) -> Callable[[World, str], Awaitable[Reply]]:
    async def show(world: World, method: str) -> Reply:
        group = (await world.owner.call("usergroups.create", name="devs"))["usergroup"]["id"]
        return await world.owner.call(method, usergroup=group, users=users)

    return show


for code, users in GROUP_USERS.items():
    refuses(code, "usergroups.users.update")(_group_users(users))


@refuses("invalid_types", "conversations.list")
async def _(world: World, method: str) -> Reply:
    return await world.owner.call(method, types="public_channel,secret")


@refuses("users_not_found", "users.lookupByEmail")
async def _(world: World, method: str) -> Reply:
    globex = await world.chat.found("globex")
    assert (await globex.owner.call(method, email="owner@globex.example.com"))["ok"]
    return await world.owner.call(method, email="owner@globex.example.com")


@refuses("team_not_found", "team.info")
async def _(world: World, method: str) -> Reply:
    return await world.owner.call(method, team="T0000000000")


NAMES = {
    "name_taken": "dev",
    "invalid_name_required": " ",
    "invalid_name_maxlength": "x" * 81,
    "invalid_name_punctuation": "-_-",
    "invalid_name_specials": "a b",
    "invalid_name": "Dev",
}
for code, name in NAMES.items():
    refuses(code, "conversations.create")(lambda world, method, name=name: world.owner.call(method, name=name))  # type: ignore[misc]
