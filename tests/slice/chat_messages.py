"""What chat.* and reminders.* answer: each method's success, and the words that are theirs alone."""

import time
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import patch

from cells.chat.domain.plans.plan import PLANS, Plan
from cells.chat.workload import chat
from cells.runtime.bus import Claims
from tests.harness.chat import ChatClient
from tests.harness.clock import ManualClock
from tests.harness.workspaces import execute
from tests.slice.chat_refusals import NEVER, NOWHERE, try_
from tests.slice.chat_world import Reply, World, refuses, succeeds

SAYING = ("chat.postMessage", "chat.meMessage", "chat.scheduleMessage", "chat.startStream")
STREAMS = ("chat.appendStream", "chat.stopStream")
PERMALINK = "http://chat.test:8080/w/acme/archives/{channel}/p{digits}"


def soon(seconds: int = 3_600) -> str:
    return str(int(time.time()) + seconds)


async def is_due(world: World, name: str) -> bool:
    statement = "SELECT 1 FROM due WHERE name = $1 AND workspace_id = $2"
    return bool(await execute(world.chat.databases.owner_url, statement, name, world.acme.scope.workspace_id))


async def a_stream(world: World, **more: Any) -> str:
    reply = await world.bot.call("chat.startStream", channel=world.dev, thread_ts=world.ts, markdown_text="a", **more)
    return str(reply["ts"])


async def thread(world: World) -> Reply:
    return (await world.owner.call("conversations.replies", channel=world.dev, ts=world.ts))["messages"][-1]  # type: ignore[no-any-return]


@succeeds("chat.meMessage")
async def me_message(world: World) -> Reply:
    reply = await world.ann.call("chat.meMessage", channel=world.acme.general, text="waves")
    [said, *_] = (await world.ann.call("conversations.history", channel=world.acme.general))["messages"]
    assert (said["subtype"], said["text"], said["ts"]) == ("me_message", "waves", reply["ts"])
    return reply


@succeeds("chat.postEphemeral")
async def post_ephemeral(world: World) -> Reply:
    head = await world.acme.head()
    reply = await try_(world, "chat.postEphemeral", blocks=[{"type": "divider"}], thread_ts=world.ts, unfurl_links="false")
    assert await world.acme.head() == head, "nothing of it is in the log"
    return reply


@succeeds("chat.getPermalink")
async def get_permalink(world: World) -> Reply:
    said = (await world.bot.call("chat.postMessage", channel=world.dev, text="re", thread_ts=world.ts))["ts"]
    reply = await world.owner.call("chat.getPermalink", channel=world.dev, message_ts=said)
    plain = PERMALINK.format(channel=world.dev, digits=said.replace(".", ""))
    assert reply["permalink"] == f"{plain}?thread_ts={world.ts}&cid={world.dev}"
    return await world.owner.call("chat.getPermalink", channel=world.dev, message_ts=world.ts)


@succeeds("chat.scheduleMessage")
async def schedule(world: World) -> Reply:
    reply = await try_(world, "chat.scheduleMessage", channel="#dev", text="later", post_at=soon())
    assert (reply["channel"], reply["message"]["type"], reply["scheduled_message_id"][0]) == (world.dev, "delayed_message", "Q")
    return reply


@succeeds("chat.scheduledMessages.list")
async def scheduled(world: World) -> Reply:
    """One's own, soonest first, by pages."""
    for minutes in (30, 10, 20):
        await try_(world, "chat.scheduleMessage", text=str(minutes), post_at=soon(60 * minutes))
    await world.bot.call("chat.scheduleMessage", channel=world.dev, text="other", post_at=soon())
    first = await world.owner.call("chat.scheduledMessages.list", limit=2, channel=world.dev)
    rest = await world.owner.call("chat.scheduledMessages.list", limit=2, cursor=first["response_metadata"]["next_cursor"])
    assert [one["text"] for one in first["scheduled_messages"] + rest["scheduled_messages"]] == ["10", "20", "30"]
    assert rest["response_metadata"]["next_cursor"] == ""
    between = await world.owner.call("chat.scheduledMessages.list", oldest=soon(900), latest=soon(1_500))
    assert [one["text"] for one in between["scheduled_messages"]] == ["20"]
    return rest


@succeeds("chat.deleteScheduledMessage")
async def unschedule(world: World) -> Reply:
    made = await try_(world, "chat.scheduleMessage", post_at=soon())
    reply = await try_(world, "chat.deleteScheduledMessage", scheduled_message_id=made["scheduled_message_id"])
    assert (await world.owner.call("chat.scheduledMessages.list"))["scheduled_messages"] == []
    assert not await is_due(world, "scheduled_message")
    return reply


@succeeds("chat.unfurl")
async def unfurl(world: World) -> Reply:
    said = await world.owner.call("chat.postMessage", channel=world.dev, text="see <https://x.example/a>", attachments=[{"text": "mine"}])
    for text in ("first", "second"):
        reply = await world.bot.call(
            "chat.unfurl",
            channel=world.dev,
            ts=said["ts"],
            unfurls={"https://x.example/a": {"text": text, "blocks": [{"type": "divider"}]}},
        )
    [shown, *_] = (await world.owner.call("conversations.history", channel=world.dev))["messages"]
    assert [(one["text"], one["id"]) for one in shown["attachments"]] == [("mine", 1), ("second", 2)]
    assert shown["attachments"][1]["is_app_unfurl"] and "edited" not in shown
    return reply


@succeeds("chat.startStream")
async def start_stream(world: World) -> Reply:
    """In a direct message it needs no thread."""
    return await world.bot.call("chat.startStream", channel=world.ann.user_id, markdown_text="psst")


@succeeds("chat.appendStream")
async def append_stream(world: World) -> Reply:
    ts = await a_stream(world, chunks=[{"type": "task_update", "id": "1", "title": "look", "status": "in_progress"}])
    await world.bot.call("chat.appendStream", channel=world.dev, ts=ts, markdown_text="b")
    chunks = [{"type": "markdown_text", "text": "c"}, {"type": "task_update", "id": "1", "title": "look", "status": "complete"}]
    reply = await world.bot.call("chat.appendStream", channel=world.dev, ts=ts, chunks=[*chunks, {"type": "plan_update", "title": "p"}])
    shown = await thread(world)
    assert (shown["text"], [(b["type"], b.get("status")) for b in shown["blocks"]]) == ("abc", [("task_card", "complete"), ("plan", None)])
    assert (await world.bot.call("chat.update", channel=world.dev, ts=ts, text="x"))["error"] == "streaming_state_conflict"
    return reply


@succeeds("chat.stopStream")
async def stop_stream(world: World) -> Reply:
    ts = await a_stream(world)
    blocks = [{"type": "divider", "block_id": "end"}]
    reply = await world.bot.call(
        "chat.stopStream", channel=world.dev, ts=ts, markdown_text="b", blocks=blocks, metadata={"event_type": "x"}
    )
    assert (reply["message"]["text"], reply["message"]["blocks"], (await thread(world))["text"]) == ("ab", blocks, "ab")
    assert (await world.bot.call("chat.update", channel=world.dev, ts=ts, text="x"))["ok"]
    return reply


@succeeds("reactions.list")
async def reactions_list(world: World) -> Reply:
    """What the caller may see of it, the latest reaction first."""
    secret = (await world.owner.call("chat.postMessage", channel=world.hidden, text="x"))["ts"]
    second = (await world.owner.call("chat.postMessage", channel=world.dev, text="second"))["ts"]
    for channel, ts, name in (
        (world.dev, second, "a"),
        (world.hidden, secret, "a"),
        (world.dev, world.ts, "a"),
        (world.dev, world.ts, "b"),
    ):
        await world.owner.call("reactions.add", channel=channel, timestamp=ts, name=name)
    mine = await world.owner.call("reactions.list")
    assert [item["message"]["text"] for item in mine["items"]] == ["first", "x", "second"] and mine["paging"]["total"] == 3
    assert [reaction["name"] for reaction in mine["items"][0]["message"]["reactions"]] == ["a", "b"]
    seen = await world.ann.call("reactions.list", user=world.owner.user_id, limit=1)
    after = await world.ann.call("reactions.list", user=world.owner.user_id, limit=1, cursor=seen["response_metadata"]["next_cursor"])
    assert [page["items"][0]["message"]["text"] for page in (seen, after)] == ["first", "second"]
    assert after == await world.ann.call("reactions.list", user=world.owner.user_id, count=1, page=2)
    return after


@succeeds("reminders.add")
async def add_reminder(world: World) -> Reply:
    own = (await world.owner.call("reminders.add", text="tea", time="in 20 minutes"))["reminder"]
    assert (own["user"], own["text"], own["recurring"], own["complete_ts"]) == (world.owner.user_id, "tea", False, 0)
    assert abs(own["time"] - time.time() - 1_200) < 5
    return await world.owner.call("reminders.add", text="tea", time=soon(), user=world.ann.user_id)


async def a_reminder(world: World, **more: Any) -> str:
    return str((await world.owner.call("reminders.add", **{"text": "tea", "time": "300", **more}))["reminder"]["id"])


@succeeds("reminders.list")
async def list_reminders(world: World) -> Reply:
    ids = [await a_reminder(world), await a_reminder(world, user=world.ann.user_id, time="200")]
    assert [one["id"] for one in (await world.owner.call("reminders.list"))["reminders"]] == ids
    reply = await world.ann.call("reminders.list")
    assert [one["id"] for one in reply["reminders"]] == ids[1:]
    return reply


@succeeds("reminders.info")
async def reminder_info(world: World) -> Reply:
    return await world.ann.call("reminders.info", reminder=await a_reminder(world, user=world.ann.user_id))


@succeeds("reminders.complete")
async def complete_reminder(world: World) -> Reply:
    one = await a_reminder(world)
    await world.owner.call("reminders.complete", reminder=one)
    assert (await world.owner.call("reminders.info", reminder=one))["reminder"]["complete_ts"] > 0
    assert not await is_due(world, "reminder")
    return await world.owner.call("reminders.complete", reminder=one)


@succeeds("reminders.delete")
async def delete_reminder(world: World) -> Reply:
    one = await a_reminder(world)
    reply = await world.owner.call("reminders.delete", reminder=one)
    assert (await world.owner.call("reminders.info", reminder=one))["error"] == "not_found"
    return reply


def guarded(world: World, client: ChatClient, clock: ManualClock) -> ChatClient:
    """The same client of a cell that minds floods and plans."""
    app = chat(clock, Claims(None, clock), rate_limits=1_000).app
    return ChatClient(app, client.tenant, client.token, client.user_id)


def words_for(world: World, method: str, number: int = 0) -> dict[str, Any]:
    more: dict[str, Any] = {"post_at": soon(600 * (number + 1))} if method == "chat.scheduleMessage" else {}
    return {"channel": world.dev, "text": "buy", **more} | ({"markdown_text": "buy", "thread_ts": world.ts} if "Stream" in method else {})


@refuses("restricted_action", *SAYING)
async def _(world: World, method: str) -> Reply:
    """Ten times the same is let through, ten more one at a time, and then no more until ten minutes have passed."""
    clock = ManualClock()
    client = guarded(world, world.owner, clock)
    for number in range(20):
        arguments = {
            name: value for name, value in words_for(world, method, number).items() if "Stream" in method or name != "markdown_text"
        }
        if number >= 10:
            slowed = await client.form(method, arguments)
            assert (slowed.status, slowed.json["error"], slowed.headers["retry-after"]) == (429, "ratelimited", "15")
            clock.advance(15)
        assert (await client.call(method, **arguments))["ok"], number
    return await client.call(method, **words_for(world, method))


@refuses("message_limit_exceeded", *SAYING)
async def _(world: World, method: str) -> Reply:
    """What was said before the process began counts too."""
    with patch.dict(PLANS, {"tiny": Plan("tiny", 2, None, None)}):
        await world.acme.command("plan.set", plan="tiny")
        client = guarded(world, world.owner, ManualClock(time.time_ns() // 1_000))
        assert (await client.call(method, **words_for(world, method)))["ok"]
        return await client.call(method, **words_for(world, method))


@refuses("user_not_in_channel", "chat.postEphemeral")
async def _(world: World, method: str) -> Reply:
    assert (await try_(world, method, user="U0000000000"))["error"] == "user_not_in_channel"
    return await try_(world, method, user=world.ann.user_id)


@refuses("update_failed", "chat.update")
async def _(world: World, method: str) -> Reply:
    """The second of two who read the same version."""
    edited = (await try_(world, method, expected_edited_ts="0", text="a"))["message"]["edited"]["ts"]
    reply = await try_(world, method, expected_edited_ts="0", text="b")
    assert (await try_(world, method, expected_edited_ts=edited, text="c"))["text"] == "c"
    return reply


@refuses("no_dual_broadcast_content_update", "chat.update")
async def _(world: World, method: str) -> Reply:
    return await try_(world, method, reply_broadcast="true")


@refuses("cant_broadcast_message", "chat.update")
async def _(world: World, method: str) -> Reply:
    return await world.owner.call(method, channel=world.dev, ts=world.ts, reply_broadcast="true")


@refuses("streaming_state_conflict", "chat.update")
async def _(world: World, method: str) -> Reply:
    return await world.bot.call(method, channel=world.dev, ts=await a_stream(world), text="x")


TIMES = {"time_in_past": soon(-5), "time_too_far": soon(121 * 86_400), "invalid_time": "tomorrow"}
for word, post_at in TIMES.items():
    refuses(word, "chat.scheduleMessage")(lambda world, method, at=post_at: try_(world, method, post_at=at))  # type: ignore[misc]


@refuses("restricted_too_many", "chat.scheduleMessage")
async def _(world: World, method: str) -> Reply:
    at = soon()
    for _ in range(30):
        assert (await try_(world, method, post_at=at))["ok"]
    assert (await try_(world, method, post_at=soon(7_200)))["ok"]
    return await try_(world, method, post_at=at)


@refuses("invalid_channel", "chat.scheduledMessages.list")
async def _(world: World, method: str) -> Reply:
    return await world.ann.call(method, channel=world.hidden)


@refuses("invalid_cursor", "chat.scheduledMessages.list", "reactions.list")
async def _(world: World, method: str) -> Reply:
    for cursor in ("?", "c2NoZWR1bGVkOjE=", "cmVhY3Rpb25zOng="):
        reply = await world.owner.call(method, cursor=cursor)
        assert reply["error"] == "invalid_cursor", cursor
    return reply


@refuses("invalid_scheduled_message_id", "chat.deleteScheduledMessage")
async def _(world: World, method: str) -> Reply:
    """Another's, or one of another channel."""
    made = (await world.bot.call("chat.scheduleMessage", channel=world.dev, text="x", post_at=soon()))["scheduled_message_id"]
    elsewhere = await world.bot.call(method, channel=world.acme.general, scheduled_message_id=made)
    assert elsewhere["error"] == "invalid_scheduled_message_id"
    return await try_(world, method, scheduled_message_id=made)


LINK = {"https://x.example": {"text": "x"}}
UNFURLS: dict[str, dict[str, Any]] = {
    "missing_channel": {"channel": ""},
    "missing_ts": {"ts": ""},
    "missing_unfurls": {"unfurls": ""},
    "invalid_unfurls_format": {"unfurls": "[]"},
    "cannot_parse_attachment": {"unfurls": {"https://x.example": {"blocks": [{"type": "none"}]}}},
    "cannot_find_channel": {"channel": NOWHERE},
    "cannot_find_message": {"ts": NEVER},
    "cannot_unfurl_url": {"unfurls": {"https://y.example": {}}},
    "missing_source": {"unfurl_id": "x"},
    "missing_unfurl_id": {"source": "composer"},
    "invalid_source": {"unfurl_id": "x", "source": "x"},
    "invalid_unfurl_id": {"unfurl_id": "x", "source": "composer"},
}


def _unfurling(more: dict[str, Any]) -> Callable[[World, str], Awaitable[Reply]]:
    return lambda world, method: try_(world, method, **{"unfurls": LINK, **more})


for word, more in UNFURLS.items():
    refuses(word, "chat.unfurl")(_unfurling(more))


@refuses("invalid_chunks", "chat.startStream", *STREAMS)
async def _(world: World, method: str) -> Reply:
    ts = await a_stream(world)
    wrong: tuple[Any, ...] = ({}, ["x"], [{"type": "none"}], [{"type": "task_update", "id": "1"}])
    for chunks in wrong:
        reply = await world.bot.call(method, channel=world.dev, ts=ts, thread_ts=world.ts, chunks=chunks or "{}x")
        assert reply["error"] == "invalid_chunks", chunks
    return reply


@refuses("channel_type_not_supported", "chat.startStream")
async def _(world: World, method: str) -> Reply:
    return await try_(world, method)


@refuses("msg_too_long", "chat.startStream", *STREAMS)
async def _(world: World, method: str) -> Reply:
    ts = await a_stream(world)
    for _ in range(3):
        assert (await world.bot.call("chat.appendStream", channel=world.dev, ts=ts, markdown_text="x" * 12_000))["ok"]
    if method in STREAMS:
        assert (await world.bot.call(method, channel=world.dev, ts=ts, markdown_text="x" * 4_000))["error"] == "msg_too_long"
    return await world.bot.call(method, channel=world.dev, ts=ts, thread_ts=world.ts, markdown_text="x" * 12_001)


@refuses("no_text", "chat.appendStream")
async def _(world: World, method: str) -> Reply:
    return await world.bot.call(method, channel=world.dev, ts=await a_stream(world))


@refuses("message_not_in_streaming_state", *STREAMS)
async def _(world: World, method: str) -> Reply:
    ts = await a_stream(world)
    assert (await world.bot.call("chat.stopStream", channel=world.dev, ts=ts))["ok"]
    assert (await world.bot.call(method, channel=world.dev, ts=ts, markdown_text="x"))["error"] == "message_not_in_streaming_state"
    return await try_(world, method)


@refuses("message_not_owned_by_app", *STREAMS)
async def _(world: World, method: str) -> Reply:
    return await try_(world, method, ts=await a_stream(world))


@refuses("not_in_channel", *STREAMS)
async def _(world: World, method: str) -> Reply:
    ts = await a_stream(world)
    await world.bot.call("conversations.leave", channel=world.dev)
    return await world.bot.call(method, channel=world.dev, ts=ts, markdown_text="x")


@refuses("is_archived", *STREAMS)
async def _(world: World, method: str) -> Reply:
    ts = await a_stream(world)
    await world.archive(world.dev)
    return await world.bot.call(method, channel=world.dev, ts=ts, markdown_text="x")


STOPS: dict[str, dict[str, Any]] = {
    "invalid_blocks": {"blocks": [{"type": "none"}]},
    "invalid_blocks_format": {"blocks": "x"},
    "msg_blocks_too_long": {"blocks": [{"type": "section", "text": {"type": "plain_text", "text": "x" * 3_000}}] * 34},
    "invalid_metadata_format": {"metadata": {"event_type": ""}},
    "metadata_too_large": {"metadata": {"event_type": "x", "event_payload": {"x": "x" * 16_000}}},
}
for word, more in STOPS.items():
    refuses(word, "chat.stopStream")(lambda world, method, more=more: try_(world, method, **more))  # type: ignore[misc]


REMINDERS: dict[str, dict[str, Any]] = {
    "missing_argument": {"text": " "},
    "cannot_parse": {"time": "every day at 9am"},
    "user_not_found": {"user": "U0000000000"},
}
for word, more in REMINDERS.items():
    refuses(word, "reminders.add")(
        lambda world, method, more=more: world.owner.call(method, **{"text": "x", "time": "60", **more})  # type: ignore[misc]
    )


@refuses("cannot_add_bot", "reminders.add")
async def _(world: World, method: str) -> Reply:
    assert (await world.bot.call(method, text="x", time="60"))["error"] == "cannot_add_bot"
    return await world.owner.call(method, text="x", time="60", user=world.bot.user_id)


@refuses("cannot_add_others", "reminders.add")
async def _(world: World, method: str) -> Reply:
    added = await world.acme.command("user.add", email="guest@example.com", name="guest", role="guest")
    guest = world.acme.client(added["token"], added["user_id"])
    assert (await guest.call(method, text="x", time="60"))["ok"]
    return await guest.call(method, text="x", time="60", user=world.owner.user_id)


@refuses("not_found", "reminders.info", "reminders.complete", "reminders.delete")
async def _(world: World, method: str) -> Reply:
    """Somebody else's business is nobody's."""
    assert (await world.owner.call(method, reminder="Rm0"))["error"] == "not_found"
    return await world.ann.call(method, reminder=await a_reminder(world))


@refuses("cannot_complete_others", "reminders.complete")
async def _(world: World, method: str) -> Reply:
    return await world.owner.call(method, reminder=await a_reminder(world, user=world.ann.user_id))


@refuses("user_not_found", "reactions.list")
async def _(world: World, method: str) -> Reply:
    return await world.owner.call(method, user="U0000000000")
