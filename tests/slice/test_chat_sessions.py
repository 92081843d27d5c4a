"""Sockets as chat sees them: tickets, groups, frames; and what goes on the log for them."""

import json
from typing import Any

import pytest

from cells.runtime.workload import Admitted, Handshake, Refused, Regrouping
from tests.harness.chat import ChatClient, Workspace, a_chat
from tests.harness.clock import ManualClock
from tests.harness.databases import FreshDatabase
from tests.slice.chat_world import World, a_world

pytestmark = pytest.mark.anyio


def handshake(path: str) -> Handshake:
    return Handshake(path=path, query={}, headers=[], client="127.0.0.1", scheme="ws", request_id="r")


async def ticket_path(client: ChatClient) -> str:
    url: str = (await client.call("rtm.connect"))["url"]
    return url.removeprefix("ws://chat.test:8080")


async def admit(acme: Workspace, path: str) -> Admitted | Refused:
    assert acme.workload.sessions is not None
    return await acme.workload.sessions.admit(acme.tenant, handshake(path))


async def say(acme: Workspace, session: Admitted, frame: Any) -> list[dict[str, Any]]:
    assert acme.workload.sessions is not None
    text = frame if isinstance(frame, str) else json.dumps(frame)
    effects = await acme.workload.sessions.on_message(acme.tenant, session, text)
    return [json.loads(said) for said in effects if isinstance(said, str)]


async def opened(acme: Workspace, client: ChatClient) -> Admitted:
    session = await admit(acme, await ticket_path(client))
    assert isinstance(session, Admitted)
    return session


async def test_a_ticket_is_good_once_for_its_workspace_for_30_seconds(cell_database: FreshDatabase) -> None:
    clock = ManualClock()
    async with a_chat(cell_database, clock) as chat:
        acme, globex = await chat.found("acme"), await chat.found("globex")
        path = await ticket_path(acme.owner)
        session = await admit(acme, path)
        assert isinstance(session, Admitted) and session.user_id == acme.owner.user_id
        assert [json.loads(message)["type"] for message in session.messages] == ["hello"]
        assert await status(acme, path) == 401, "used"
        other = await ticket_path(acme.owner)
        assert await status(globex, other) == 401, "another workspace's"
        assert await status(acme, other[:-1] + ("0" if other[-1] != "0" else "1")) == 401, "forged"
        for nonsense in ("/rtm", f"/rtm/{acme.scope.workspace_id}/a.b.c", "/rtm/T1/x.y.z.a.b"):
            assert await status(acme, nonsense) in (401, 404)
        clock.advance(30)
        assert await status(acme, other) == 401, "out of date"


async def status(acme: Workspace, path: str) -> int:
    refused = await admit(acme, path)
    assert isinstance(refused, Refused)
    return refused.status


async def test_frames(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        session = await opened(acme, acme.bot)
        assert await say(acme, session, {"id": 1, "type": "ping", "time": 7}) == [{"type": "pong", "reply_to": 1, "time": 7}]
        [answer] = await say(acme, session, {"id": 2, "type": "message", "channel": acme.general, "text": "hi"})
        assert (answer["ok"], answer["reply_to"], answer["text"]) == (True, 2, "hi")
        [stored] = (await acme.owner.call("conversations.history", channel=acme.general))["messages"]
        assert (stored["ts"], stored["user"]) == (answer["ts"], acme.bot.user_id) and stored["bot_id"].startswith("B")
        for ignored in ({"type": "typing", "id": 3, "channel": acme.general}, {"type": "tickle"}, {"type": "?"}, {}):
            assert await say(acme, session, ignored) == []
        for kind in ("presence_sub", "presence_query"):
            for ids, word in ((None, "invalid_ids"), (["U1"] * 501, "too_many_ids")):
                [refused] = await say(acme, session, {"id": 4, "type": kind, "ids": ids})
                assert (refused["ok"], refused["reply_to"], refused["error"]["msg"]) == (False, 4, word)
        wrong = (
            {"channel": "C0000000000", "text": "x"},
            {"channel": acme.general},
            {"channel": 1, "text": "x"},
            {"channel": acme.general, "text": "x" * 40_001},
        )
        for frame in wrong:
            [answer] = await say(acme, session, {"id": 4, "type": "message", **frame})
            assert (answer["ok"], answer["reply_to"]) == (False, 4)
        for nonsense in ("{", "[]", "1", "[" * 50_000):
            assert (await say(acme, session, nonsense))[0]["ok"] is False


async def test_a_ticket_of_a_token_that_may_not_post_cannot_post(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        acme = await chat.found("acme")
        session = await opened(acme, await acme.with_scopes("users:read"))
        [answer] = await say(acme, session, {"id": 1, "type": "message", "channel": acme.general, "text": "x"})
        assert answer["error"]["msg"] == "missing_scope"


async def groups_of(world: World, client: ChatClient) -> frozenset[str]:
    sessions = world.acme.workload.sessions
    assert sessions is not None
    subject = (await opened(world.acme, client)).asked_about
    async with world.chat.database.reading(world.acme.scope) as connection:
        return (await sessions.groups(connection, world.acme.scope, [subject]))[subject]


async def test_regroupings_lead_from_the_groups_before_to_the_groups_after(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        sessions = world.acme.workload.sessions
        assert sessions is not None
        clients = {client.user_id: client for client in (world.owner, world.bot, world.ann)}
        groups = {user_id: set(await groups_of(world, client)) for user_id, client in clients.items()}
        before = await world.acme.head()
        await world.ann.call("conversations.join", channel=world.dev)
        await world.owner.call("conversations.invite", channel=world.hidden, users=f"{world.ann.user_id},{world.bot.user_id}")
        await world.ann.call("conversations.leave", channel=world.hidden)
        await world.bot.call("conversations.leave", channel=world.dev)
        await world.bot.call("conversations.create", name="bots")
        await world.owner.call("conversations.open", users=world.ann.user_id)
        await world.owner.call("conversations.open", users=f"{world.ann.user_id},{world.bot.user_id}")
        for event in await world.acme.events(before):
            for regrouping in sessions.regroupings(event):
                assert isinstance(regrouping, Regrouping)
                change = groups[regrouping.user_id].add if regrouping.joined else groups[regrouping.user_id].remove
                change(regrouping.group)
        assert groups == {user_id: set(await groups_of(world, client)) for user_id, client in clients.items()}


async def test_events_have_slacks_shapes(cell_database: FreshDatabase) -> None:
    async with a_chat(cell_database) as chat:
        world = await a_world(chat)
        before = await world.acme.head()
        team = world.acme.scope.workspace_id
        ts = (await world.bot.call("chat.postMessage", channel=world.dev, text="a", client_msg_id="m"))["ts"]
        await world.bot.call("chat.update", channel=world.dev, ts=ts, text="b")
        await world.owner.call("reactions.add", channel=world.dev, timestamp=ts, name="x")
        await world.owner.call("reactions.remove", channel=world.dev, timestamp=ts, name="x")
        await world.bot.call("chat.delete", channel=world.dev, ts=ts)
        await world.ann.call("conversations.join", channel=world.dev)
        await world.ann.call("conversations.leave", channel=world.dev)
        logged = await world.acme.events(before)
        events = {event.kind: json.loads(event.payload) for event in logged}
        audiences = {event.kind: event.audience for event in logged}
        message = events["message"]
        assert message.pop("bot_id").startswith("B") and message.pop("app_id").startswith("A")
        common = {"channel": world.dev, "ts": ts, "event_ts": ts, "team": team, "user": world.bot.user_id}
        assert message == {"type": "message", "text": "a", "client_msg_id": "m", **common}
        changed = events["message_changed"]
        assert (changed["type"], changed["subtype"], changed["hidden"], changed["channel"]) == (
            "message",
            "message_changed",
            True,
            world.dev,
        )
        assert (changed["message"]["text"], changed["previous_message"]["text"], changed["message"]["ts"]) == ("b", "a", ts)
        assert (events["message_deleted"]["deleted_ts"], events["message_deleted"]["previous_message"]["text"]) == (ts, "b")
        for kind in ("reaction_added", "reaction_removed"):
            reaction = events[kind]
            assert reaction.pop("event_ts") > ts
            item = {"type": "message", "channel": world.dev, "ts": ts}
            assert reaction == {"type": kind, "user": world.owner.user_id, "reaction": "x", "item": item, "item_user": world.bot.user_id}
        joined = events["member_joined_channel"]
        assert (joined["user"], joined["channel"], joined["channel_type"], joined["team"]) == (world.ann.user_id, world.dev, "C", team)
        assert events["channel_joined"]["channel"]["id"] == world.dev and events["channel_left"]["channel"] == world.dev
        assert audiences["channel_joined"] == (world.ann.user_id,) and audiences["member_left_channel"] == (world.dev,)
