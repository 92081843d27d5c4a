"""A post that is sent again is posted once, whoever else is posting, in whichever process."""

import asyncio
import json

import pytest

from tests.harness.chat import Chat, ChatClient, Workspace, a_chat
from tests.harness.databases import FreshDatabase

pytestmark = pytest.mark.anyio


async def history(acme: Workspace) -> list[str]:
    reply = await acme.owner.call("conversations.history", channel=acme.general, limit=1000)
    return [message["text"] for message in reply["messages"]]


async def test_concurrent_retries_in_two_processes_are_one_message(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as one, a_chat(cell_database) as two:
        acme = await one.found("acme")
        clients = [acme.owner, in_other_process(two, acme)]
        before = await acme.head()

        async def post(number: int) -> tuple[str, str]:
            name = f"m{number % 8}"
            reply = await clients[number // 8 % 2].call("chat.postMessage", channel=acme.general, text=name, client_msg_id=name)
            return name, reply["ts"]

        answers = await asyncio.gather(*(post(number) for number in range(96)))
        assert len(set(answers)) == 8
        assert sorted(await history(acme)) == sorted({name for name, _ in answers})
        assert await acme.head() == before + 8, "a retry announces nothing"


async def test_the_id_is_the_users_own_and_the_channels_own(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        other = (await acme.owner.call("conversations.create", name="other"))["channel"]["id"]
        posts = [(acme.owner, acme.general), (acme.bot, acme.general), (acme.owner, other)]
        times = {
            (await client.call("chat.postMessage", channel=channel, text="x", client_msg_id="same"))["ts"] for client, channel in posts
        }
        assert len(times) == 3


async def test_a_retry_after_edit_or_deletion_posts_nothing_new(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        post = {"channel": acme.general, "text": "x", "client_msg_id": "same"}
        ts = (await acme.owner.call("chat.postMessage", **post))["ts"]
        await acme.owner.call("chat.update", channel=acme.general, ts=ts, text="y")
        assert (await acme.owner.call("chat.postMessage", **post))["message"]["text"] == "y"
        await acme.owner.call("chat.delete", channel=acme.general, ts=ts)
        assert (await acme.owner.call("chat.postMessage", **post))["ts"] == ts
        assert await history(acme) == []


async def test_refused_posts_of_a_batch_stand_alone(cell_database: FreshDatabase) -> None:
    """Good and bad posts at once: each gets its own answer, seq and history hold the good ones alone, in the order of ts."""
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        closed = (await acme.bot.call("conversations.create", name="closed"))["channel"]["id"]
        before = await acme.head()
        places = [acme.general, closed, "C0000000000", acme.general]
        posts = [acme.owner.call("chat.postMessage", channel=places[n % 4], text=str(n)) for n in range(80)]
        replies = await asyncio.gather(*posts)
        errors = {reply.get("error") for reply in replies[1::4]}, {reply.get("error") for reply in replies[2::4]}
        assert errors == ({"not_in_channel"}, {"channel_not_found"})
        accepted = sorted((reply["ts"], reply["message"]["text"]) for reply in replies if reply["ok"])
        assert [text for _, text in accepted[::-1]] == await history(acme) and len(accepted) == 40
        events = await acme.events(before)
        assert [event.seq for event in events] == list(range(before + 1, before + 41))
        assert [json.loads(event.payload)["ts"] for event in events] == [ts for ts, _ in accepted]


def in_other_process(chat: Chat, acme: Workspace) -> ChatClient:
    """The same workspace and token through a log and an app of their own, as another process of the cell has them."""
    tenant = type(acme.tenant)(acme.tenant.tenancy, acme.scope, chat.database, chat.log)
    return ChatClient(chat.workload.app, tenant, acme.owner.token)
