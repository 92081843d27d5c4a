"""A workspace moves while its people post and listen: nothing fails, nothing closes, nothing is lost, doubled or reordered."""

import os
import signal
from functools import partial
from typing import Any

import pytest

from tests.harness.eventually import eventually
from tests.harness.platform import Platform, Refused
from tests.harness.slack import Listener, web_client
from tests.system.conftest import Workspace
from tests.system.test_failures import Poster, general, texts

pytestmark = [pytest.mark.system, pytest.mark.anyio]


def posted(poster: Poster, count: int) -> bool:
    return len(poster.acknowledged) >= count


def delivered(socket: Listener, channel: str) -> list[str]:
    heard = [event["text"] for event in socket.events("message") if event.get("channel") == channel]
    return [text for text in heard if text.startswith("post ")]


def heard(socket: Listener, channel: str, count: int) -> bool:
    return len(delivered(socket, channel)) >= count


async def there_and_back(platform: Platform, workspace: Workspace, *orders: tuple[str, ...]) -> list[dict[str, Any]]:
    """Give the orders while two clients post and one listens; returns what each said. Fails on anything people could notice."""
    owner, bot = web_client(platform, workspace.owner), web_client(platform, workspace.bot)
    channel = general(owner)
    other = owner.conversations_create(name=f"aside-{len(texts(owner, channel))}")["channel"]["id"]
    owner.conversations_invite(channel=other, users=bot.auth_test()["user_id"])
    with Listener(platform, workspace.owner) as socket:
        before = texts(owner, channel)
        with Poster(owner, channel) as one, Poster(bot, other) as two:
            await eventually(lambda: len(one.acknowledged) > 20 and len(two.acknowledged) > 20)
            said = []
            for order in orders:
                said.append(platform.waggle("move", *order))
                await eventually(partial(posted, one, len(one.acknowledged) + 20), within_s=30)
        for poster, where, earlier in ((one, channel, before), (two, other, [])):
            assert poster.refused == []
            stored = texts(owner, where)
            assert stored == earlier + poster.acknowledged, "lost, doubled or reordered"
            await eventually(partial(heard, socket, where, len(poster.acknowledged)), within_s=15)
            assert delivered(socket, where) == poster.acknowledged, "the socket heard something else"
        assert socket.closes == []
    return said


async def test_a_move_is_not_noticed(platform: Platform, acme: Workspace) -> None:
    plan = platform.waggle("move", "plan", acme.name, "--to", "cell-2")
    assert plan["blockers"] == []
    assert plan["rows"] > 0
    (move,) = await there_and_back(platform, acme, ("start", acme.name, "--to", "cell-2", "--window", "0", "--wait"))
    assert move["state"] in ("window", "done", "running")
    assert 0 < move["pause_ms"] < 2_000
    await eventually(lambda: platform.waggle("move", "show", move["move_id"])["state"] == "done", within_s=20)
    shown = platform.waggle("workspace", "show", acme.name)
    assert (shown["cell"], shown["epoch"]) == ("cell-2", 2)


async def test_a_rollback_is_not_noticed_and_keeps_what_was_written_since(platform: Platform, globex: Workspace) -> None:
    start = ("start", globex.name, "--to", "cell-1", "--window", "120", "--wait")
    first, back = await there_and_back(platform, globex, start, ("rollback", globex.name, "--wait"))
    assert first["state"] == "window"
    assert back["state"] == "rolled_back"
    shown = platform.waggle("workspace", "show", globex.name)
    assert (shown["cell"], shown["epoch"]) == ("cell-2", 3)


async def test_what_stands_in_the_way_is_named_and_nothing_is_made(platform: Platform, globex: Workspace) -> None:
    before = len(platform.waggle("move", "list"))
    with pytest.raises(Refused, match="lives in cell-2 already"):
        platform.waggle("move", "start", globex.name, "--to", "cell-2")
    with pytest.raises(Refused, match="only one in its window"):
        platform.waggle("move", "finish", globex.name)
    assert len(platform.waggle("move", "list")) == before


async def test_a_router_that_does_not_answer_holds_up_no_move_vitess_15630(platform: Platform, globex: Workspace) -> None:
    """Nobody waits for routers: the fence refuses whoever comes late, and says where to."""
    client = web_client(platform, globex.owner)
    router = platform.pid("router")
    os.kill(router, signal.SIGSTOP)
    try:
        moved = platform.waggle("move", "start", globex.name, "--to", "cell-1", "--window", "0", "--wait")
    finally:
        os.kill(router, signal.SIGCONT)
    assert moved["state"] in ("window", "done", "running")
    # Its tunnels may have been given up meanwhile: they are opened again.
    assert await eventually(lambda: client.chat_postMessage(channel=general(client), text="the router woke up")["ok"])
