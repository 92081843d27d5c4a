"""Windows and pages over what was said, exact at the edges."""

from typing import Any

import pytest

from tests.harness.chat import ChatClient, Workspace, a_chat
from tests.harness.databases import FreshDatabase

pytestmark = pytest.mark.anyio
COUNT = 7


async def say(acme: Workspace, count: int, **more: Any) -> list[str]:
    return [(await acme.owner.call("chat.postMessage", channel=acme.general, text=str(n), **more))["ts"] for n in range(count)]


async def texts(acme: Workspace, **window: Any) -> str:
    reply = await acme.owner.call("conversations.history", channel=acme.general, **window)
    return "".join(message["text"] for message in reply["messages"])


async def walk(client: ChatClient, method: str, **arguments: Any) -> list[str]:
    """Texts of each page, to the end."""
    pages, cursor = [], ""
    while True:
        reply = await client.call(method, cursor=cursor, **arguments)
        pages.append("".join(message["text"] for message in reply["messages"]))
        cursor = reply["response_metadata"]["next_cursor"]
        assert reply["has_more"] is bool(cursor) and (not cursor or cursor.endswith("="))
        if not cursor:
            return pages


def moved(ts: str, microseconds: int) -> str:
    at = int(ts.replace(".", "")) + microseconds
    return f"{at // 1_000_000}.{at % 1_000_000:06d}"


async def test_edges(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        ts = await say(acme, COUNT)
        assert await texts(acme) == "6543210" == await texts(acme, oldest="0", latest="now")
        assert await texts(acme, oldest=ts[2], latest=ts[5]) == "43"
        assert await texts(acme, oldest=ts[2], latest=ts[5], inclusive="true") == "5432"
        assert await texts(acme, oldest=moved(ts[2], -1), latest=moved(ts[5], 1)) == "5432"
        assert await texts(acme, oldest=moved(ts[2], 1), latest=moved(ts[5], -1), inclusive="1") == "43"
        assert (
            await texts(acme, latest=ts[3], inclusive="true", limit=1) == "3" == await texts(acme, oldest=ts[3], inclusive="true", limit=1)
        )
        assert await texts(acme, oldest=ts[5], latest=ts[2]) == "" == await texts(acme, oldest=ts[2], latest=ts[2])
        assert await texts(acme, oldest=ts[2], latest=ts[2], inclusive="true") == "2"
        # A client that keeps seven digits, as str(time.time()) may have, still finds it.
        assert await texts(acme, oldest=ts[4] + "0") == "65"


async def test_pages_meet_without_gap_or_overlap(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        ts = await say(acme, COUNT)
        general = {"channel": acme.general}
        assert await walk(acme.owner, "conversations.history", limit=3, **general) == ["654", "321", "0"]
        assert await walk(acme.owner, "conversations.history", limit=2, latest=ts[5], oldest=ts[1], **general) == ["43", "2"]
        assert await walk(acme.owner, "conversations.history", limit=2, oldest=ts[1], **general) == ["32", "54", "6"]
        assert await walk(acme.owner, "conversations.history", limit=7, **general) == ["6543210"]


async def test_pages_stay_where_they_were_while_people_talk(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        await say(acme, 4)
        first = await acme.owner.call("conversations.history", channel=acme.general, limit=2)
        await say(acme, 2)
        assert await texts(acme, limit=2, cursor=first["response_metadata"]["next_cursor"]) == "10"


async def test_threads(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        [root] = await say(acme, 1)
        replies = await say(acme, 5, thread_ts=root)
        thread = {"channel": acme.general, "ts": root}
        assert await walk(acme.owner, "conversations.replies", **thread) == ["001234"]
        assert await walk(acme.owner, "conversations.replies", limit=2, **thread) == ["00", "12", "34"]
        assert await walk(acme.owner, "conversations.replies", limit=1, **thread) == ["0", "0", "1", "2", "3", "4"]
        assert await walk(acme.owner, "conversations.replies", oldest=replies[1], latest=replies[4], **thread) == ["023"]
        assert await walk(acme.owner, "conversations.replies", oldest=replies[1], latest=replies[4], inclusive="1", **thread) == ["01234"]
        assert await texts(acme) == "0", "replies stay out of the channel"
        told = await acme.owner.call("chat.postMessage", channel=acme.general, text="told", thread_ts=replies[0], reply_broadcast="true")
        assert told["message"]["thread_ts"] == root and told["message"]["subtype"] == "thread_broadcast"
        assert await texts(acme) == "told0"


async def test_a_deleted_root_keeps_its_thread_and_a_deleted_reply_is_not_counted(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        [root] = await say(acme, 1)
        replies = await say(acme, 2, thread_ts=root)
        for ts in (root, replies[1]):
            assert (await acme.owner.call("chat.delete", channel=acme.general, ts=ts))["ok"]
        [tombstone] = (await acme.owner.call("conversations.history", channel=acme.general))["messages"]
        assert (tombstone["subtype"], tombstone["reply_count"], tombstone["text"]) == ("tombstone", 1, "This message was deleted.")
        await acme.owner.call("chat.delete", channel=acme.general, ts=replies[0])
        assert await texts(acme) == ""
        gone = await acme.owner.call("conversations.replies", channel=acme.general, ts=root)
        assert gone["error"] == "thread_not_found"
