"""Unread and mentions: what counts, for whom, who is told, and that any order of events ends where a recount would."""

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.mentions.parsing import EVERYONE_TARGETS, TARGETS_MAX, mentions_of
from cells.chat.domain.unread.counts import COUNT_MAX
from cells.chat.domain.unread.repository import Unread
from cells.chat.slack.scopes import READ
from cells.chat.workload import chat as chat_workload
from cells.runtime.bus import Bus, Claims, Remembered
from chassis.clock import SystemClock
from tests.harness.chat import ChatClient, Workspace, a_chat
from tests.harness.databases import FreshDatabase
from tests.harness.workspaces import execute
from tests.slice.chat_world import World, a_world

pytestmark = pytest.mark.anyio


async def line(client: ChatClient, channel: str) -> dict[str, Any]:
    """The channel's entry in the client's sidebar."""
    counts = await client.call("client.counts")
    [found] = [entry for name in ("channels", "mpims", "ims") for entry in counts[name] if entry["id"] == channel]
    return dict(found)


async def badge(client: ChatClient, channel: str) -> tuple[bool, int]:
    entry = await line(client, channel)
    return entry["has_unreads"], entry["mention_count"]


async def unread(client: ChatClient, channel: str) -> int:
    shown = (await client.call("conversations.info", channel=channel))["channel"]
    assert shown["unread_count"] == shown["unread_count_display"]
    return int(shown["unread_count"])


async def say(client: ChatClient, channel: str, words: str = "hi", **more: Any) -> str:
    said = await client.call("chat.postMessage", channel=channel, text=words, **more)
    assert said["ok"], said
    return str(said["ts"])


async def in_dev(world: World) -> str:
    await world.ann.call("conversations.join", channel=world.dev)
    return world.dev


async def test_what_was_said_before_one_came_is_read(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        dev = await in_dev(world)
        assert await badge(world.ann, dev) == (False, 0) and await unread(world.ann, dev) == 0
        assert (await world.ann.call("conversations.info", channel=dev))["channel"]["last_read"] == "0000000000.000000"
        latest = await say(world.owner, dev)
        assert await badge(world.ann, dev) == (True, 0) and await unread(world.ann, dev) == 1
        assert (await line(world.ann, dev))["latest"] == latest


async def test_a_mark_goes_forwards_and_backwards_and_never_beyond_now(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        dev = await in_dev(world)
        stamps = [await say(world.owner, dev, str(number)) for number in range(3)]
        for ts, left in ((stamps[2], 0), (stamps[0], 2), (stamps[1], 1), ("0", 3)):
            assert await world.ann.call("conversations.mark", channel=dev, ts=ts) == {"ok": True}
            assert await unread(world.ann, dev) == left
        await world.ann.call("conversations.mark", channel=dev, ts="9999999999.000000")
        assert await unread(world.ann, dev) == 0
        await say(world.owner, dev)
        assert await unread(world.ann, dev) == 1


async def test_posting_is_reading_and_a_reply_in_a_thread_is_neither(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        dev = await in_dev(world)
        root = await say(world.owner, dev)
        await say(world.ann, dev, thread_ts=root)
        assert await unread(world.ann, dev) == 1 and await badge(world.owner, dev) == (False, 0)
        await say(world.ann, dev, thread_ts=root, reply_broadcast="true")
        assert await unread(world.ann, dev) == 0 and await badge(world.owner, dev) == (True, 0)
        await say(world.owner, dev)
        mine = await say(world.ann, dev)
        info = (await world.ann.call("conversations.info", channel=dev))["channel"]
        assert (info["last_read"], info["unread_count"]) == (mine, 0)


async def test_a_deleted_message_is_not_unread_and_calls_nobody(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        dev = await in_dev(world)
        kept = await say(world.owner, dev)
        called = await say(world.owner, dev, f"<@{world.ann.user_id}>")
        assert await badge(world.ann, dev) == (True, 1)
        await world.owner.call("chat.delete", channel=dev, ts=called)
        assert await badge(world.ann, dev) == (True, 0) and (await line(world.ann, dev))["latest"] == kept
        await world.owner.call("chat.delete", channel=dev, ts=kept)
        await world.owner.call("chat.delete", channel=dev, ts=world.ts)
        assert await badge(world.ann, dev) == (False, 0) and (await line(world.ann, dev))["latest"] is None


@pytest.mark.parametrize("words", ["<@{ann}>", "<@{ann}|ann> hi", "<!channel>", "<!here|here>", "<!everyone>", "<!subteam^{group}|@devs>"])
async def test_who_is_called(cell_database: FreshDatabase, words: str) -> None:
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        dev = await in_dev(world)
        group = (await world.owner.call("usergroups.create", name="Devs"))["usergroup"]["id"]
        await world.owner.call("usergroups.users.update", usergroup=group, users=world.ann.user_id)
        called = words.format(ann=world.ann.user_id, group=group)
        await say(world.owner, dev, called)
        assert await badge(world.ann, dev) == (True, 1)
        await say(world.owner, dev, f"{called} <!channel> <@{world.ann.user_id}>")
        assert await badge(world.ann, dev) == (True, 2), "a message calls once, however often"
        assert (await badge(world.owner, dev))[1] == 0, "one's own message calls oneself never"
        await world.ann.call("conversations.mark", channel=dev, ts=(await line(world.ann, dev))["latest"])
        assert await badge(world.ann, dev) == (False, 0)


async def test_direct_messages_are_all_for_you(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        direct = (await world.owner.call("conversations.open", users=world.ann.user_id))["channel"]["id"]
        group = (await world.owner.call("conversations.open", users=f"{world.ann.user_id},{world.bot.user_id}"))["channel"]["id"]
        for _ in range(2):
            ts = await say(world.owner, direct)
            await say(world.owner, group)
        counts = await world.ann.call("client.counts")
        assert [(entry["id"], entry["mention_count"]) for name in ("ims", "mpims") for entry in counts[name]] == [(direct, 2), (group, 2)]
        assert counts["channel_badges"]["dms"] == 4
        assert (await world.ann.call("conversations.info", channel=direct))["channel"]["latest"]["ts"] == ts


async def test_the_users_own_sessions_are_told_of_a_mark(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        direct = (await world.owner.call("conversations.open", users=world.ann.user_id))["channel"]["id"]
        private = (await world.ann.call("conversations.create", name="private", is_private="1"))["channel"]["id"]
        dev = await in_dev(world)
        expected = ((dev, "channel_marked", 2, 1, 1), (direct, "im_marked", 1, 1, 1), (private, "group_marked", 0, 0, 0))
        for channel, kind, left, called, shown in expected:
            await say(world.ann if channel == private else world.owner, channel, f"<@{world.ann.user_id}>")
            seq = await world.acme.head()
            await world.ann.call("conversations.mark", channel=channel, ts="1.000000")
            [event] = await world.acme.events(seq)
            assert (event.kind, event.audience) == (kind, (world.ann.user_id,))
            told = json.loads(event.payload)
            assert (told["type"], told["channel"], told["ts"]) == (kind, channel, "1.000000")
            assert (told["unread_count"], told["unread_count_display"]) == (left, left)
            assert (told["num_mentions"], told["mention_count"], told["mention_count_display"]) == (called, shown, shown)


async def test_a_mark_that_changes_nothing_says_nothing(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        await world.owner.call("conversations.mark", channel=world.dev, ts=world.ts)
        seq = await world.acme.head()
        assert (await world.owner.call("conversations.mark", channel=world.dev, ts=world.ts))["ok"]
        assert await world.acme.head() == seq


async def test_marks_sent_at_once_are_committed_together_and_each_is_judged(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        dev = await in_dev(world)
        stamps = [await say(world.owner, dev) for _ in range(3)]
        marks = [world.ann.call("conversations.mark", channel=dev, ts=ts) for ts in (*stamps, stamps[0])]
        refused = [world.ann.call("conversations.mark", channel=world.hidden, ts=stamps[0])]
        replies = await asyncio.gather(*marks, *refused)
        assert [reply["ok"] for reply in replies] == [True] * 4 + [False]
        told = [json.loads(event.payload) for event in await world.acme.events() if event.kind == "channel_marked"]
        assert [event["ts"] for event in told] == [*stamps, stamps[0]]
        assert [event["unread_count"] for event in told] == [2, 1, 0, 2] and await unread(world.ann, dev) == 2


async def test_counts_show_what_the_token_may_read_and_nothing_of_others(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        globex = await chat.found("globex")
        await say(globex.owner, globex.general, f"<@{world.owner.user_id}> <!channel>")
        assert {entry["id"] for entry in (await world.ann.call("client.counts"))["channels"]} == {world.acme.general} | {
            channel["id"] for channel in (await world.ann.call("conversations.list"))["channels"] if channel["name"] == "random"
        }
        narrow = await world.acme.with_scopes("im:read")
        assert (await narrow.call("client.counts"))["channels"] == []
        assert (await world.ann.call("conversations.mark", channel=globex.general, ts="1"))["error"] == "channel_not_found"
        foreign = (await globex.owner.call("usergroups.create", name="theirs"))["usergroup"]["id"]
        assert (await world.owner.call("usergroups.users.list", usergroup=foreign))["error"] == "no_such_subteam"
        assert (await world.owner.call("usergroups.list"))["usergroups"] == []


async def test_an_archived_channel_is_not_in_the_sidebar(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        await world.archive(world.dev)
        assert world.dev not in {entry["id"] for entry in (await world.owner.call("client.counts"))["channels"]}


def test_mentions_are_read_from_text_blocks_and_attachments() -> None:
    ann, group = "U0123456789", "S0123456789"
    assert mentions_of(f"<@{ann}> <@{ann}|x> <!subteam^{group}|@x> <!here> <!date^1^x|y> <#C0123456789> <@u1>", None) == (
        ann,
        group,
        "!here",
    )
    rich = [{"type": "user", "user_id": ann}, {"type": "usergroup", "usergroup_id": group}, {"type": "broadcast", "range": "channel"}]
    blocks = [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": rich}]}]
    assert mentions_of("", json.dumps({"blocks": blocks})) == (ann, group, "!channel")
    nested = {"attachments": [{"fields": [{"value": f"<@{ann}>"}]}], "metadata": {"event_payload": {"x": "<!everyone>"}}}
    assert mentions_of("", json.dumps(nested)) == (ann,)
    assert mentions_of("", json.dumps({"blocks": [{"type": "user", "user_id": 5}, {"type": "broadcast", "range": "moon"}]})) == ()
    assert len(mentions_of("".join(f"<@U{number:010}>" for number in range(2_000)), None)) == TARGETS_MAX


async def test_counting_stops(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        dev = await in_dev(world)
        await execute(
            cell_database.owner_url,
            "INSERT INTO messages (workspace_id, channel_id, ts_us, user_id, text, broadcast)"
            " SELECT $1, $2, (extract(epoch FROM now()) * 1000000)::bigint + n, $3, 'x', false FROM generate_series(1, $4::int) AS n",
            world.acme.scope.workspace_id,
            dev,
            world.owner.user_id,
            COUNT_MAX + 5,
        )
        await asyncio.sleep(0)
        await say(world.owner, dev)
        assert await unread(world.ann, dev) == COUNT_MAX


@dataclass(frozen=True)
class Row:
    channel_id: str
    ts_us: int
    user_id: str
    text: str


async def recount(connection: AsyncConnection, workspace: str, user_id: str) -> dict[str, tuple[int, int, int]]:
    """By reading every row: for each channel of the user (unread, mentions, latest)."""
    rows = await connection.execute(
        text("SELECT channel_id, ts_us, user_id, text, thread_us IS NULL OR broadcast, deleted_us IS NULL FROM messages"),
    )
    shown = [(Row(*row[:4]), row[4]) for row in rows if row[5]]
    groups = set(
        (await connection.execute(text("SELECT usergroup_id FROM usergroup_members WHERE user_id = :u"), {"u": user_id})).scalars()
    )
    targets = {user_id, *EVERYONE_TARGETS} | groups
    places = await connection.execute(text("SELECT channel_id, joined_us, last_read_us FROM members WHERE user_id = :u"), {"u": user_id})
    answer = {}
    for channel_id, joined_us, last_read_us in places:
        here = [(row, plain) for row, plain in shown if row.channel_id == channel_id]
        latest = max((row.ts_us for row, plain in here if plain), default=0)
        after = [(row, plain) for row, plain in here if row.ts_us > (last_read_us or joined_us) and row.user_id != user_id]
        called = [row for row, _ in after if row.ts_us <= latest and targets & set(mentions_of(row.text, None))]
        answer[channel_id] = (sum(plain for _, plain in after), len(called), latest)
    return answer


async def counted(connection: AsyncConnection, acme: Workspace, user_id: str) -> dict[str, tuple[int, int, int]]:
    reading = Unread(connection, acme.scope)
    lines = await reading.sidebar(user_id, list(READ))
    answer = {}
    for entry in lines:
        state = await reading.state(entry.channel_id, user_id)
        assert (state.counts.unread > 0, state.counts.mentions) == (entry.counts.unread > 0, entry.counts.mentions)
        answer[entry.channel_id] = (state.counts.unread, state.counts.mentions, entry.latest_us)
    return answer


async def act(
    rng: random.Random, acme: Workspace, people: Sequence[ChatClient], channels: Sequence[str], group: str, said: list[Any]
) -> None:
    """One thing that somebody does; refusals are part of life."""
    who, where = rng.choice(people), rng.choice(channels)
    match rng.choice(("post", "post", "post", "mark", "mark", "delete", "reply", "join", "leave", "regroup")):
        case "post":
            words = rng.choice(("x", "<!channel>", "<!here> x", f"<@{rng.choice(people).user_id}>", f"<!subteam^{group}>"))
            posted = await who.call("chat.postMessage", channel=where, text=words)
            if posted["ok"]:
                said.append((where, posted["ts"]))
        case "mark" if said:
            channel, ts = rng.choice(said)
            await who.call("conversations.mark", channel=channel, ts=ts)
        case "delete" if said:
            channel, ts = rng.choice(said)
            await acme.owner.call("chat.delete", channel=channel, ts=ts)
        case "reply" if said:
            channel, ts = rng.choice(said)
            broadcast = rng.choice(("true", "false"))
            words = rng.choice(("y", "<!channel>", f"<@{rng.choice(people).user_id}>"))
            await who.call("chat.postMessage", channel=channel, text=words, thread_ts=ts, reply_broadcast=broadcast)
        case "join":
            await who.call("conversations.join", channel=where)
        case "leave":
            await who.call("conversations.leave", channel=where)
        case "regroup":
            chosen = rng.sample(people, rng.randint(1, len(people)))
            await acme.owner.call("usergroups.users.update", usergroup=group, users=",".join(person.user_id for person in chosen))


@pytest.mark.parametrize("seed", range(3))
async def test_counts_equal_a_recount_while_everyone_posts_marks_and_deletes(cell_database: FreshDatabase, seed: int) -> None:
    """Counts and oracle read one snapshot, again and again while four people act at once; then once more at rest."""
    rng = random.Random(seed)
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        people = [acme.owner, *[await acme.add(name) for name in ("ann", "bob", "cyd")]]
        channels = [(await acme.owner.call("conversations.create", name=name))["channel"]["id"] for name in ("a", "b")]
        for person in people:
            for channel in channels:
                await person.call("conversations.join", channel=channel)
        group = (await acme.owner.call("usergroups.create", name="g"))["usergroup"]["id"]
        said: list[Any] = []
        compared = 0

        async def compare() -> None:
            for person in people:
                async with acme.tenant.reading() as connection:
                    expected = await recount(connection, acme.scope.workspace_id, person.user_id)
                    assert await counted(connection, acme, person.user_id) == expected

        async def live(number: int) -> None:
            own = random.Random(rng.random() + number)
            for _ in range(40):
                await act(own, acme, people, channels, group, said)

        lives = [asyncio.create_task(live(number)) for number in range(4)]
        while not all(task.done() for task in lives):
            await compare()
            compared += 1
        await asyncio.gather(*lives)
        await compare()
        assert compared > 1 and len(said) > 20


async def test_kept_counts_are_right_and_do_without_redis(cell_database: FreshDatabase, redis_url: str) -> None:
    """The second answer comes from Redis; any change makes it be counted again; with Redis gone it is counted each time."""
    clock, bus = SystemClock(), Bus(redis_url)
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        kept = chat_workload(clock, Claims(bus, clock), Remembered(bus))
        ann = ChatClient(kept.app, world.acme.tenant, world.ann.token, world.ann.user_id)
        async with bus.running():
            await bus.until_connected()
            await in_dev(world)
            await say(world.owner, world.dev)
            first = await ann.call("client.counts")
            keys = [key async for key in bus.redis.scan_iter(f"kept:*counts:{world.acme.scope.workspace_id}:*")]
            assert len(keys) == 1 and 0 < await bus.redis.ttl(keys[0]) <= 60
            await bus.redis.set(keys[0], json.dumps({"channels": "kept"}))
            assert (await ann.call("client.counts"))["channels"] == "kept"
            await say(world.owner, world.dev)
            again = await ann.call("client.counts")
            assert again["channels"] != first["channels"] and again == await world.ann.call("client.counts")
        assert await ann.call("client.counts") == again


async def test_a_post_writes_its_authors_membership_alone(cell_database: FreshDatabase) -> None:
    """Whoever is called, and however many there are: `xmin` names the transaction that wrote a row last."""
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        await execute(
            cell_database.owner_url,
            "INSERT INTO members SELECT $1, $2, 'U' || n, 1, 0 FROM generate_series(1, 1000) AS n",
            world.acme.scope.workspace_id,
            world.dev,
        )
        question = "SELECT user_id, xmin::text FROM members WHERE channel_id = $1"
        before = {row["user_id"]: row["xmin"] for row in await execute(cell_database.owner_url, question, world.dev)}
        await say(world.owner, world.dev, "<!channel>")
        after = {row["user_id"]: row["xmin"] for row in await execute(cell_database.owner_url, question, world.dev)}
        assert {user for user in after if after[user] != before[user]} == {world.owner.user_id} and len(after) == 1_002
        rows = await execute(cell_database.owner_url, "SELECT target FROM mentions WHERE channel_id = $1", world.dev)
        assert [row["target"] for row in rows] == ["!channel"]


async def test_the_number_of_members_is_kept_with_them(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        for _ in range(2):
            await world.ann.call("conversations.join", channel=world.dev)
        info = await world.owner.call("conversations.info", channel=world.dev, include_num_members="1")
        assert info["channel"]["num_members"] == 3
        for _ in range(2):
            await world.ann.call("conversations.leave", channel=world.dev)
        await world.owner.call("conversations.invite", channel=world.dev, users=world.ann.user_id)
        rows = await execute(
            cell_database.owner_url,
            "SELECT num_members, (SELECT count(*) FROM members m WHERE m.channel_id = c.channel_id) AS counted FROM channels c",
        )
        assert all(row["num_members"] == row["counted"] for row in rows) and len(rows) == 4
