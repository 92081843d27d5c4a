"""Messages go when they were kept long enough: with what hangs on them, a part at a time, and their partition after them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from cells.app.upkeep import DAY_US, Upkeep
from cells.chat.domain.retention import service
from cells.chat.domain.searching.news import news_of
from cells.runtime.jobs import DueWork
from cells.runtime.tenancy import open_database
from chassis.clock import SystemClock
from tests.harness.chat import Chat, Workspace, a_chat
from tests.harness.clock import ManualClock
from tests.harness.databases import FreshDatabase
from tests.harness.workspaces import execute

pytestmark = pytest.mark.anyio

PARTS_MAX = 20
HANGING = ("reactions", "pins", "mentions", "stars", "message_versions", "file_shares")


@pytest.fixture
async def chat(cell_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Chat]:
    monkeypatch.setattr(service, "PART_MAX", 3)
    async with a_chat(cell_database) as running:
        yield running


async def said(acme: Workspace, text: str, **more: Any) -> str:
    return str((await acme.owner.call("chat.postMessage", channel=acme.general, text=text, **more))["ts"])


async def age(chat: Chat, acme: Workspace, ts: str, days: int) -> None:
    """As if it had been said so many days earlier."""
    at_us = round(float(ts) * 1_000_000)
    for table in ("messages", *HANGING):
        statement = f"UPDATE {table} SET ts_us = ts_us - $2 WHERE workspace_id = $1 AND ts_us = $3"
        await execute(chat.databases.owner_url, statement, acme.scope.workspace_id, days * DAY_US, at_us)


async def work_on(chat: Chat) -> int:
    """All parts of one round; how many there were."""
    clock = ManualClock(now_us=SystemClock().now_us())
    worker = DueWork(chat.workload.due, chat.database, chat.log, clock)
    for part in range(PARTS_MAX):
        if not await worker.step():
            return part
        clock.advance(1.0)
    raise AssertionError("it does not end")


async def texts(acme: Workspace) -> list[str]:
    history = await acme.owner.call("conversations.history", channel=acme.general, limit=100)
    return [message["text"] for message in reversed(history["messages"]) if message.get("subtype") != "channel_join"]


async def rows(chat: Chat, acme: Workspace, table: str) -> int:
    found = await execute(chat.databases.owner_url, f"SELECT 1 FROM {table} WHERE workspace_id = $1", acme.scope.workspace_id)
    return len(found)


async def test_what_is_old_goes_with_all_that_hangs_on_it_and_its_neighbour_keeps_all(chat: Chat) -> None:
    acme, globex = await chat.found("acme"), await chat.found("globex")
    old = [await said(acme, f"old {number} <!here>") for number in range(7)]
    await acme.owner.call("reactions.add", channel=acme.general, timestamp=old[0], name="eyes")
    await acme.owner.call("pins.add", channel=acme.general, timestamp=old[0])
    await acme.owner.call("stars.add", channel=acme.general, timestamp=old[0])
    await acme.owner.call("chat.update", channel=acme.general, ts=old[0], text="old 0, said better <!here>")
    theirs = await said(globex, "kept")
    for ts in old:
        await age(chat, acme, ts, 40)
    await age(chat, globex, theirs, 400)
    await said(acme, "new")
    before = await acme.head()
    assert await acme.command("retention.set", days=30) == {"days": 30, "said_by": "workspace"}
    assert await work_on(chat) == 3, "7 messages in parts of 3"
    assert await texts(acme) == ["new"] and await texts(globex) == ["kept"]
    assert {table: await rows(chat, acme, table) for table in HANGING} == dict.fromkeys(HANGING, 0)
    events = [event for event in await acme.events(before) if event.kind == "messages_expired"]
    assert len(events) == 3 and len(news_of(events).messages) == 7 and not news_of(events).rewritten
    assert await acme.command("retention.show") != {} and (await acme.command("retention.show"))["days"] == 30


async def test_a_thread_that_lives_keeps_an_empty_first_message(chat: Chat) -> None:
    acme = await chat.found("acme")
    root = await said(acme, "a secret")
    answer = await said(acme, "an answer", thread_ts=root)
    await execute(
        chat.databases.owner_url,
        "UPDATE messages SET thread_us = thread_us - $2 WHERE workspace_id = $1 AND thread_us IS NOT NULL",
        acme.scope.workspace_id,
        40 * DAY_US,
    )
    await age(chat, acme, root, 40)
    await acme.command("retention.set", days=30)
    assert await work_on(chat) == 1
    (message,) = [one for one in (await acme.owner.call("conversations.history", channel=acme.general))["messages"] if "thread_ts" in one]
    assert (message["subtype"], message["reply_count"]) == ("tombstone", 1)
    await age(chat, acme, answer, 40)
    await acme.command("retention.set", days=30)
    assert await work_on(chat) == 1
    assert await rows(chat, acme, "messages") == 0, "it goes with its last answer"


async def test_days_that_cannot_be_are_refused_and_taking_the_word_back_stops_it(chat: Chat) -> None:
    acme = await chat.found("acme")
    for days in (0, -1, 36_501):
        with pytest.raises(Exception, match="messages are kept for 1 to 36500 days"):
            await acme.command("retention.set", days=days)
    await age(chat, acme, await said(acme, "old"), 40)
    await acme.command("retention.set", days=30)
    assert await acme.command("retention.set") == {"days": None, "said_by": "plan"}
    assert await work_on(chat) == 0
    assert await texts(acme) == ["old"]


async def test_a_partition_whose_messages_all_went_goes_as_well(chat: Chat) -> None:
    acme, url = await chat.found("acme"), chat.databases.owner_url
    await execute(url, "SELECT make_past_message_partitions((extract(epoch FROM timestamp '2023-11-05') * 1000000)::bigint)")
    ts = await said(acme, "old")
    days = (round(float(ts)) - 1_700_000_000) // 86_400
    await age(chat, acme, ts, days)
    there = "SELECT to_regclass('messages_2023') IS NOT NULL AS there"
    async with open_database(chat.databases.app_url) as database:
        upkeep = Upkeep(database, SystemClock(), 35, {}, {"messages": 62}, (), pause_s=0.01)
        assert await upkeep.round() and (await execute(url, there))[0]["there"]
        assert upkeep.held["messages_2023"] == f"{acme.scope.workspace_id} has messages in it"
        await acme.command("retention.set", days=365)
        await work_on(chat)
        assert await upkeep.round() and not (await execute(url, there))[0]["there"]
