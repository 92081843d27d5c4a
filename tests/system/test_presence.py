"""Typing and presence between real sockets, and messages that go on when Redis is stopped or hangs."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from statistics import quantiles

import pytest

from tests.harness.faults import held_down, paused
from tests.harness.platform import Platform
from tests.harness.slack import Event, Listener, web_client
from tests.system.conftest import Workspace

pytestmark = pytest.mark.system

REDIS = "cell-1-valkey"
DELIVERED_S_MAX = 0.5
TOLD_S_MAX = 0.3
Person = tuple[str, str]
"""User id and token."""


@pytest.fixture(scope="module")
def ann(platform: Platform, acme: Workspace) -> Person:
    added = platform.waggle("user", "add", acme.name, "ann@example.com")
    return added["user_id"], added["token"]


@pytest.fixture(scope="module")
def bob(platform: Platform, acme: Workspace) -> Person:
    added = platform.waggle("user", "add", acme.name, "bob@example.com")
    return added["user_id"], added["token"]


def of_kind(kind: str, **facts: object) -> Callable[[Event], bool]:
    return lambda event: event.get("type") == kind and all(event.get(name) == value for name, value in facts.items())


def test_typing_reaches_members_and_nobody_else(platform: Platform, acme: Workspace, ann: Person, bob: Person) -> None:
    owner = web_client(platform, acme.owner)
    me = owner.auth_test()["user_id"]
    channel = owner.conversations_create(name="typists")["channel"]["id"]
    owner.conversations_invite(channel=channel, users=ann[0])
    with Listener(platform, acme.owner) as mine, Listener(platform, ann[1]) as member, Listener(platform, bob[1]) as stranger:
        stranger.send({"id": 1, "type": "typing", "channel": channel})
        for _ in range(5):
            mine.send({"id": 1, "type": "typing", "channel": channel})
        member.wait_for(of_kind("user_typing", channel=channel, user=me))
        mark = owner.chat_postMessage(channel=channel, text="done")["ts"]
        for socket in (mine, member):
            socket.wait_for(of_kind("message", ts=mark))
        assert len(member.events("user_typing")) == 1, "once in three seconds, and nothing of one who is no member"
        assert mine.events("user_typing") == [] == stranger.events("user_typing")


def test_presence_reaches_those_who_asked_within_300_ms(platform: Platform, acme: Workspace, ann: Person, bob: Person) -> None:
    with Listener(platform, acme.owner) as asked, Listener(platform, bob[1]) as did_not:
        asked.send({"type": "presence_sub", "ids": [ann[0], bob[0]]})
        asked.wait_for(of_kind("presence_change", user=ann[0], presence="away"))
        asked.wait_for(of_kind("presence_change", user=bob[0], presence="active"))
        with Listener(platform, ann[1]):
            asked.wait_for(of_kind("presence_change", user=ann[0], presence="active"))
            took_s = [change_presence(platform, ann, asked, n) for n in range(20)]
        asked.wait_for(of_kind("presence_change", user=ann[0], presence="away"))
        assert quantiles(took_s, n=20)[-1] <= TOLD_S_MAX, took_s
        assert did_not.events("presence_change") == []
        too_many = [f"U{n:08}" for n in range(501)]
        asked.send({"id": 9, "type": "presence_sub", "ids": too_many})
        assert asked.wait_for(lambda event: event.get("reply_to") == 9)["error"]["msg"] == "too_many_ids"


def change_presence(platform: Platform, person: Person, socket: Listener, turn: int) -> float:
    """Away or back by hand; seconds from the answer's request to the socket's event."""
    word, shown = (("away", "away"), ("auto", "active"))[turn % 2]
    changes = of_kind("presence_change", user=person[0], presence=shown)
    before, started_s = len([event for event in socket.events() if changes(event)]), time.monotonic()
    web_client(platform, person[1]).users_setPresence(presence=word)
    socket.wait_for_many(changes, before + 1)
    return time.monotonic() - started_s


@contextmanager
def stopped(pid_of: Callable[[], int]) -> Iterator[None]:
    with held_down(pid_of):
        yield


@contextmanager
def hanging(pid_of: Callable[[], int]) -> Iterator[None]:
    with paused(pid_of()):
        yield


@pytest.mark.parametrize("broken", [stopped, hanging])
def test_without_redis_messages_go_on_and_presence_is_silent(
    platform: Platform, acme: Workspace, ann: Person, broken: Callable[[Callable[[], int]], AbstractContextManager[None]]
) -> None:
    owner = web_client(platform, acme.owner)
    general = next(c["id"] for c in owner.conversations_list()["channels"] if c["name"] == "general")
    with Listener(platform, acme.owner) as socket, Listener(platform, ann[1]) as other:
        socket.send({"type": "presence_sub", "ids": [ann[0]]})
        socket.wait_for(of_kind("presence_change", user=ann[0], presence="active"))
        said = []
        with broken(lambda: platform.pid(REDIS)):
            took_s = []
            for n in range(20):
                other.send({"id": n, "type": "typing", "channel": general})
                other.send({"type": "presence_query", "ids": [ann[0]]})
                started_s = time.monotonic()
                said.append(owner.chat_postMessage(channel=general, text=f"n {n}")["ts"])
                socket.wait_for(of_kind("message", ts=said[-1]))
                took_s.append(time.monotonic() - started_s)
            web_client(platform, ann[1]).users_setPresence(presence="away")
            assert max(took_s) <= DELIVERED_S_MAX, took_s
            assert [event for event in socket.events() + other.events() if event.get("ok") is False] == []
        socket.wait_for(of_kind("presence_change", user=ann[0], presence="away"), within_s=30)
        web_client(platform, ann[1]).users_setPresence(presence="auto")
        assert socket.closes == []
        received = [event["ts"] for event in socket.events("message") if event["ts"] in said]
    assert received == said, "nothing lost, doubled or out of order"
