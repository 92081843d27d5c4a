"""What happens to messages: edits and their trail, mentions that follow edits, what is said later, what is shown to whom."""

import asyncio
import json
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from cells.runtime.bus import Ephemeral
from cells.runtime.jobs import DueWork
from cells.runtime.log import LoggedTenant
from tests.harness.chat import Chat, ChatClient, Workspace, a_chat, exchange
from tests.harness.clock import ManualClock
from tests.harness.databases import FreshDatabase
from tests.harness.workspaces import execute

pytestmark = pytest.mark.anyio
TOGGLERS = 100


def worker(chat: Chat, acme: Workspace, ahead_s: float) -> DueWork:
    """A worker whose clock is ahead."""
    return DueWork(acme.workload.due, chat.database, chat.log, ManualClock(time.time_ns() // 1_000 + int(ahead_s * 1e6)))


async def texts(client: ChatClient, channel: str) -> list[str]:
    """Newest first."""
    return [message["text"] for message in (await client.call("conversations.history", channel=channel))["messages"]]


async def test_every_version_is_kept_for_administrators(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        said = {"channel": acme.general, "ts": (await acme.bot.call("chat.postMessage", channel=acme.general, text="one"))["ts"]}
        blocks = [{"type": "divider", "block_id": "b"}]
        edited = [(await acme.bot.call("chat.update", **said, text="two", blocks=blocks))["message"]["edited"]["ts"]]
        edited.append((await acme.bot.call("chat.update", **said, blocks=[]))["message"]["edited"]["ts"])
        await acme.owner.call("chat.delete", **said)
        kept = (await acme.command("message.versions", **said))["versions"]
        assert [(v["text"], v.get("blocks"), v["edited_ts"], v["ended_by"], v["ended_how"]) for v in kept] == [
            ("one", None, None, acme.bot.user_id, "edited"),
            ("two", blocks, edited[0], acme.bot.user_id, "edited"),
            ("two", None, edited[1], acme.owner.user_id, "deleted"),
        ]
        assert kept[0]["until_ts"] == edited[0] and kept[2]["edited_by"] == acme.bot.user_id
        assert (await acme.command("message.versions", channel=acme.general, ts="1.000001")) == {"versions": []}


async def test_of_two_who_edit_the_same_version_one_is_told(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        ts = (await acme.owner.call("chat.postMessage", channel=acme.general, text="x"))["ts"]
        edits = [
            acme.owner.call("chat.update", channel=acme.general, ts=ts, text=str(number), expected_edited_ts="0") for number in range(20)
        ]
        replies = await asyncio.gather(*edits)
        [won] = [reply for reply in replies if reply["ok"]]
        assert {reply.get("error") for reply in replies} == {None, "update_failed"} and await texts(acme.owner, acme.general) == [
            won["text"]
        ]


async def test_what_is_given_changes_and_the_rest_stays(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        metadata = {"event_type": "made", "event_payload": {"n": 1}}
        customized = {"username": "ops", "icon_emoji": ":fire:", "metadata": metadata, "attachments": [{"text": "a"}]}
        said = await acme.bot.call("chat.postMessage", channel=acme.general, text="x", **customized)
        shown = said["message"]
        assert (shown["subtype"], shown["username"], shown["icons"]) == ("bot_message", "ops", {"emoji": ":fire:"})
        assert shown["metadata"] == metadata
        await acme.bot.call("chat.update", channel=acme.general, ts=said["ts"], text="y")
        read = await acme.owner.call("conversations.history", channel=acme.general, include_all_metadata="true")
        [now] = read["messages"]
        assert now == {**shown, "text": "y", "edited": now["edited"]}
        [plain] = (await acme.owner.call("conversations.history", channel=acme.general))["messages"]
        assert plain == {name: value for name, value in now.items() if name != "metadata"}
        await acme.bot.call("chat.update", channel=acme.general, ts=said["ts"], attachments=[], metadata={})
        [now] = (await acme.owner.call("conversations.history", channel=acme.general, include_all_metadata="1"))["messages"]
        assert "attachments" not in now and "metadata" not in now and now["username"] == "ops"
        emptied = await acme.bot.call("chat.update", channel=acme.general, ts=said["ts"], text="")
        assert emptied["error"] == "no_text" and await texts(acme.owner, acme.general) == ["y"]
        person = await acme.owner.call("chat.postMessage", channel=acme.general, text="x", username="boss", mrkdwn="false")
        assert "username" not in person["message"] and person["message"]["mrkdwn"] is False


async def recount(acme: Workspace, client: ChatClient) -> int:
    """Messages of others in general that call the client, by what they say now."""
    calls = (f"<@{client.user_id}>", "<!here>")
    found = (await client.call("conversations.history", channel=acme.general))["messages"]
    return sum(message["user"] != client.user_id and any(call in message["text"] for call in calls) for message in found)


async def test_edits_change_whom_a_message_calls(cell_database: FreshDatabase) -> None:
    chance = random.Random(7)
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        ann = await acme.add("ann")
        words = (f"<@{ann.user_id}>", "<!here>", "nobody", f"<@{acme.owner.user_id}> and <@{ann.user_id}>")
        written: list[str] = []
        for _ in range(40):
            if written and chance.random() < 0.6:
                await acme.owner.call("chat.update", channel=acme.general, ts=chance.choice(written), text=chance.choice(words))
            else:
                written.append((await acme.owner.call("chat.postMessage", channel=acme.general, text=chance.choice(words)))["ts"])
            counted = {line["id"]: line["mention_count"] for line in (await ann.call("client.counts"))["channels"]}
            assert counted[acme.general] == await recount(acme, ann)


async def test_a_reply_is_broadcast_later(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        ann = await acme.add("ann")
        root = (await acme.owner.call("chat.postMessage", channel=acme.general, text="root"))["ts"]
        await ann.call("conversations.mark", channel=acme.general, ts=root)
        reply = (await acme.owner.call("chat.postMessage", channel=acme.general, text="reply", thread_ts=root))["ts"]
        assert await texts(ann, acme.general) == ["root"]
        told = await acme.owner.call("chat.update", channel=acme.general, ts=reply, reply_broadcast="true")
        assert told["message"]["subtype"] == "thread_broadcast" and "edited" not in told["message"]
        assert await texts(ann, acme.general) == ["reply", "root"]
        room = (await ann.call("conversations.info", channel=acme.general))["channel"]
        assert room["unread_count"] == 1
        await acme.owner.call("chat.delete", channel=acme.general, ts=reply)
        [first] = (await ann.call("conversations.replies", channel=acme.general, ts=root))["messages"]
        assert "reply_count" not in first and (await ann.call("conversations.info", channel=acme.general))["channel"]["unread_count"] == 0


class Ear:
    """Hears what this process's sockets would, of one workspace."""

    def __init__(self, tenant: LoggedTenant) -> None:
        self.said: list[Ephemeral] = []
        tenant.ephemerals.listen(self.said.append)


async def test_an_ephemeral_message_reaches_one_user_and_nothing_else(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        ann = await acme.add("ann")
        ear, head = Ear(acme.tenant), await acme.head()
        reply = await acme.bot.call("chat.postEphemeral", channel="#general", user=ann.user_id, text="psst")
        [heard] = ear.said
        assert heard.groups == (ann.user_id,) and heard.without == ()
        told = json.loads(heard.text)
        assert (told["text"], told["ts"], told["is_ephemeral"], told["channel"]) == ("psst", reply["message_ts"], True, acme.general)
        assert await acme.head() == head and await texts(ann, acme.general) == []


async def test_scheduled_messages_are_sent_once_when_due(cell_database: FreshDatabase) -> None:
    """As they were written, in their thread; what may not be said any more is not, and its author is told."""
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        ann = await acme.add("ann")
        root = (await acme.owner.call("chat.postMessage", channel=acme.general, text="root"))["ts"]
        at = str(int(time.time()) + 600)
        for client, text in ((acme.bot, "bot"), (ann, "ann"), (acme.owner, "late")):
            made = await client.call("chat.scheduleMessage", channel=acme.general, text=text, post_at=at, blocks=[{"type": "divider"}])
        await acme.owner.call("chat.deleteScheduledMessage", channel=acme.general, scheduled_message_id=made["scheduled_message_id"])
        await acme.owner.call("chat.scheduleMessage", channel=acme.general, text="re", post_at=at, thread_ts=root)
        closed = (await ann.call("conversations.create", name="closed"))["channel"]["id"]
        await ann.call("chat.scheduleMessage", channel=closed, text="never", post_at=at)
        await ann.call("conversations.leave", channel=closed)
        await worker(chat, acme, 500).step()
        assert await texts(ann, acme.general) == ["root"]
        await asyncio.gather(*(worker(chat, acme, 601).step() for _ in range(3)))
        assert sorted(await texts(ann, acme.general)) == ["ann", "bot", "root"]
        thread = (await ann.call("conversations.replies", channel=acme.general, ts=root))["messages"]
        assert [message["text"] for message in thread] == ["root", "re"]
        found = (await ann.call("conversations.history", channel=acme.general))["messages"]
        assert all("blocks" in message for message in found if message["text"] in ("ann", "bot"))
        assert next(m for m in found if m["text"] == "bot")["bot_id"].startswith("B")
        assert (await ann.call("chat.scheduledMessages.list"))["scheduled_messages"] == []
        direct = (await ann.call("conversations.open", users=acme.bot.user_id))["channel"]["id"]
        [told] = await texts(ann, direct)
        assert "not_in_channel" in told and "never" in told


async def test_reminders_are_said_by_the_bot(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        ann = await acme.add("ann")
        for text, user in (("own", ann.user_id), ("gone", ann.user_id)):
            made = await ann.call("reminders.add", text=text, time="60", user=user)
        await acme.owner.call("reminders.add", text="tea", time="in 1 minute", user=ann.user_id)
        await ann.call("reminders.complete", reminder=made["reminder"]["id"])
        head = await acme.head()
        await worker(chat, acme, 61).step()
        direct = (await ann.call("conversations.open", users=acme.bot.user_id))["channel"]["id"]
        assert sorted(await texts(ann, direct)) == [f"<@{acme.owner.user_id}> asked me to remind you: tea", "Reminder: own"]
        fired = [event for event in await acme.events(head) if event.kind == "reminder_fired"]
        assert [event.audience for event in fired] == [(ann.user_id,)] * 2
        await worker(chat, acme, 120).step()
        assert len(await texts(ann, direct)) == 2


async def linked(client: ChatClient, channel: str) -> list[str]:
    """What is shown beneath the latest message, by text."""
    [latest, *_] = (await client.call("conversations.history", channel=channel))["messages"]
    return [one["text"] for one in latest.get("attachments", []) if one.get("is_msg_unfurl")]


async def test_a_link_shows_its_message_to_those_who_may_see_it(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme, globex = await chat.found("acme"), await chat.found("globex")
        ann = await acme.add("ann")
        added = await acme.command("user.add", email="guest@example.com", name="guest", role="guest")
        guest = acme.client(added["token"], added["user_id"])
        await acme.owner.call("conversations.invite", channel=acme.general, users=guest.user_id)
        hidden = (await acme.owner.call("conversations.create", name="hidden", is_private="true"))["channel"]["id"]
        open_ = (await acme.owner.call("conversations.create", name="open"))["channel"]["id"]
        links = []
        for workspace, channel, text in (
            (acme, hidden, "secret"),
            (acme, open_, "open"),
            (acme, acme.general, "here"),
            (globex, globex.general, "x"),
        ):
            ts = (await workspace.owner.call("chat.postMessage", channel=channel, text=text))["ts"]
            links.append((await workspace.owner.call("chat.getPermalink", channel=channel, message_ts=ts))["permalink"])
            last = ts
        await acme.owner.call("chat.postMessage", channel=acme.general, text=" ".join(f"<{link}|x>" for link in links))
        assert await linked(acme.owner, acme.general) == ["secret", "open", "here"]
        assert await linked(ann, acme.general) == ["open", "here"]
        assert await linked(guest, acme.general) == ["here"]
        ts = f"{links[1][-16:-6]}.{links[1][-6:]}"
        await acme.owner.call("chat.update", channel=open_, ts=ts, text="edited")
        assert await linked(ann, acme.general) == ["edited", "here"], "as it is now"
        await acme.owner.call("chat.delete", channel=open_, ts=ts)
        assert await linked(ann, acme.general) == ["here"]
        await acme.owner.call("chat.postMessage", channel=acme.general, text=links[2], unfurl_links="false")
        assert await linked(ann, acme.general) == []
        await acme.owner.call("chat.postMessage", channel=acme.general, text=links[2].replace("chat.test", "evil.test"))
        assert await linked(ann, acme.general) == [] and last


async def test_an_address_of_a_message_is_answered_without_saying_anything(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        ts = (await acme.owner.call("chat.postMessage", channel=acme.general, text="secret"))["ts"]
        app, path = acme.workload.app, f"/archives/{acme.general}/p{ts.replace('.', '')}"
        there = await exchange(app, acme.tenant, "GET", path, b"", [], b"")
        nowhere = await exchange(app, acme.tenant, "GET", path.replace(acme.general, "C0000000000"), b"", [], b"")
        assert there.status == nowhere.status == 200 and b"secret" not in there.body and ts.encode() in there.body
        assert there.body.replace(acme.general.encode(), b"C0000000000") == nowhere.body
        assert (await exchange(app, acme.tenant, "GET", "/archives/x", b"", [], b"")).status == 404


async def test_counts_are_right_under_100_togglers(cell_database: FreshDatabase) -> None:
    """Everyone adds and removes at once; what is shown is what the last answers of each say."""
    chance = random.Random(3)
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        ts = (await acme.owner.call("chat.postMessage", channel=acme.general, text="x"))["ts"]
        people = await many(acme, TOGGLERS)

        async def toggle(client: ChatClient) -> set[str]:
            mine: set[str] = set()
            for _ in range(4):
                name = chance.choice("ab")
                verb = "remove" if name in mine else "add"
                assert (await client.call(f"reactions.{verb}", channel=acme.general, timestamp=ts, name=name))["ok"]
                mine ^= {name}
            return mine

        held = await asyncio.gather(*(toggle(client) for client in people))
        reply = await acme.owner.call("reactions.get", channel=acme.general, timestamp=ts)
        shown = {reaction["name"]: reaction for reaction in reply["message"].get("reactions", [])}
        for name in "ab":
            expected = {client.user_id for client, mine in zip(people, held, strict=True) if name in mine}
            assert set(shown[name]["users"]) == expected and shown[name]["count"] == len(expected)


async def many(acme: Workspace, count: int) -> list[ChatClient]:
    """Members with tokens."""
    return [await acme.add(f"p{number}") for number in range(count)]


async def test_pages_are_a_list_s(cell_database: FreshDatabase) -> None:
    """History and replies with any window, limit and cursor, against a list: at every edge, one microsecond beside, and between."""
    chance = random.Random(11)
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        await fill(cell_database, acme, chance)
        rows = await execute(cell_database.owner_url, "SELECT * FROM messages WHERE channel_id = $1 ORDER BY ts_us", acme.general)
        hanging = {row["thread_us"] for row in rows if not row["deleted_us"]}
        in_channel = [row for row in rows if row["thread_us"] is None or (row["broadcast"] and not row["deleted_us"])]
        shown = [row["ts_us"] for row in in_channel if not row["deleted_us"] or row["ts_us"] in hanging]
        assert len(shown) < len(in_channel) and any(row["deleted_us"] and row["ts_us"] in hanging for row in in_channel)
        root = next(row["thread_us"] for row in rows if row["thread_us"] and not row["deleted_us"])
        thread = [row["ts_us"] for row in rows if row["thread_us"] == root and not row["deleted_us"]]
        for _ in range(120):
            window = a_window(chance, shown)
            expected = [ts for ts in shown if within(ts, window)]
            forward = "oldest" in window and "latest" not in window
            pages = await walk(acme, "conversations.history", window)
            found = [sorted(page) for page in (pages if forward else reversed(pages))]
            assert [ts for page in found for ts in page] == expected, window
            pages = await walk(acme, "conversations.replies", {**window, "ts": show(root)})
            assert [ts for page in pages for ts in page] == [root, *(ts for ts in thread if within(ts, window))], window


def show(ts_us: int) -> str:
    return f"{ts_us // 1_000_000}.{ts_us % 1_000_000:06d}"


def a_window(chance: random.Random, times: Sequence[int]) -> dict[str, Any]:
    window: dict[str, Any] = {"limit": chance.choice([1, 2, 3, 7, 100])}
    pick: Callable[[], int] = lambda: chance.choice(times) + chance.choice([-1, 0, 0, 1])  # noqa: E731
    if chance.random() < 0.6:
        window["oldest"] = pick()
    if chance.random() < 0.6:
        window["latest"] = pick()
    return window | ({"inclusive": True} if chance.random() < 0.5 else {})


def within(ts_us: int, window: dict[str, Any]) -> bool:
    edge = 0 if window.get("inclusive") else 1
    return bool(window.get("oldest", -1) + edge <= ts_us <= window.get("latest", 1 << 62) - edge)


async def fill(databases: FreshDatabase, acme: Workspace, chance: random.Random) -> None:
    """Side by side to the microsecond and far apart, over two months; some in threads, some of those broadcast, many deleted."""
    at_us, root_us, rows = time.time_ns() // 1_000 - 40 * 86_400_000_000, 0, []
    for _ in range(90):
        at_us += chance.choice([1, 1, 2, 1_000_000, 86_400_000_000])
        in_thread = root_us and chance.random() < 0.4
        deleted_us = at_us + 1 if chance.random() < 0.35 else None
        rows.append((at_us, root_us if in_thread else None, bool(in_thread and chance.random() < 0.3), deleted_us))
        root_us = root_us if in_thread else at_us
    for at_us, thread_us, broadcast, deleted_us in rows:
        await execute(
            databases.owner_url,
            "INSERT INTO messages (workspace_id, channel_id, ts_us, user_id, text, thread_us, parent_user_id, broadcast, deleted_us)"
            " VALUES ($1, $2, $3, $4, 'x', $5, $4, $6, $7)",
            acme.scope.workspace_id,
            acme.general,
            at_us,
            acme.owner.user_id,
            thread_us,
            broadcast,
            deleted_us,
        )


async def walk(acme: Workspace, method: str, window: dict[str, Any]) -> list[list[int]]:
    """Times of each page, to the end."""
    asked = {name: show(value) if name in ("oldest", "latest") else value for name, value in window.items()}
    pages, cursor = [], ""
    while True:
        reply = (await acme.owner.json(method, {"channel": acme.general, **asked, "cursor": cursor})).json
        assert len(reply["messages"]) <= window["limit"]
        pages.append([int(message["ts"].replace(".", "")) for message in reply["messages"]])
        cursor = reply["response_metadata"]["next_cursor"]
        if not cursor:
            return pages
