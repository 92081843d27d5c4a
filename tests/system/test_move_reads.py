"""Clients post and listen while their workspace moves to and fro, and everyone who reads anything finds it as it was."""

import json
import os
from functools import partial
from typing import Any

import pytest

from tests.harness.eventually import eventually
from tests.harness.furnished import NEEDLE, Furnished, furnish
from tests.harness.platform import Platform
from tests.harness.reads import Answers, ask, everything, reads, shown, without
from tests.harness.slack import Listener, web_client
from tests.system.conftest import Workspace
from tests.system.test_failures import Poster, general, texts
from tests.system.test_move import delivered, heard, posted

MOVES = int(os.environ.get("WAGGLE_TEST_MOVES", "4"))
"""`make chaos-moves` asks for twenty."""
A_SOCKET = "a ticket opens one socket once, so each call gets another"
THE_TIME = "it is the time of asking, or counts from it"
BY_AGE = "what is found weighs less as it ages; what is found, and in which order, is compared"
ACTIVITY = "who is there is not kept: routers say it anew in the cell that people came to"
DIFFERS: dict[str, tuple[frozenset[str], str]] = {
    "rtm.connect": (frozenset({"url"}), A_SOCKET),
    "rtm.start": (frozenset({"url"}), A_SOCKET),
    "client.userBoot": (frozenset({"cache_ts"}), THE_TIME),
    "users.list": (frozenset({"cache_ts"}), THE_TIME),
    "dnd.info": (frozenset({"snooze_remaining", "next_dnd_start_ts"}), THE_TIME),
    "dnd.teamInfo": (frozenset({"next_dnd_start_ts"}), THE_TIME),
    "search.all": (frozenset({"score"}), BY_AGE),
    "search.files": (frozenset({"score"}), BY_AGE),
    "search.messages": (frozenset({"score"}), BY_AGE),
    "users.getPresence": (frozenset({"last_activity"}), ACTIVITY),
}
"""What may differ, by method, and why."""

pytestmark = [pytest.mark.system, pytest.mark.anyio, pytest.mark.lasts(300 + 30 * MOVES)]


async def test_slack_clients_post_and_listen_through_many_moves(platform: Platform, acme: Workspace) -> None:
    owner, bot = web_client(platform, acme.owner), web_client(platform, acme.bot)
    channel, before = general(owner), texts(owner, general(owner))
    aside = owner.conversations_create(name="aside")["channel"]["id"]
    owner.conversations_invite(channel=aside, users=bot.auth_test()["user_id"])
    with Listener(platform, acme.owner) as one_socket, Listener(platform, acme.bot) as another:
        with Poster(owner, channel) as first, Poster(bot, aside) as second:
            for number in range(MOVES):
                await eventually(partial(posted, first, len(first.acknowledged) + 5), within_s=60)
                await moved(platform, acme, "cell-1" if number % 2 else "cell-2")
        for poster, where, earlier, sockets in ((first, channel, before, [one_socket]), (second, aside, [], [one_socket, another])):
            assert poster.refused == []
            assert texts(owner, where) == earlier + poster.acknowledged, "lost, doubled or reordered"
            for socket in sockets:
                await eventually(partial(heard, socket, where, len(poster.acknowledged)), within_s=30)
                assert delivered(socket, where) == poster.acknowledged, "a socket heard something else"
        assert (one_socket.closes, another.closes) == ([], [])


async def test_everyone_reads_the_same_before_and_after_a_move(platform: Platform, globex: Workspace) -> None:
    """Every reading method that is registered, asked by people of every standing for everything there is."""
    there = furnish(platform, globex.name, globex.owner, globex.bot)
    before = await settled(platform, there)
    await moved(platform, globex, "cell-1")
    found = ask(platform.api, globex.owner, "search.messages", {"query": NEEDLE})
    assert found["messages"]["total"] == before["owner", "search.messages", shown({"query": NEEDLE})]["messages"]["total"] > 0
    after = await settled(platform, there)
    answered = {name for (_, name, _), answer in before.items() if answer.get("ok")}
    assert sorted(set(reads()) - answered) == [], "everyone was refused: nothing is compared"
    assert changed(before, after) == []


async def moved(platform: Platform, workspace: Workspace, cell: str) -> None:
    move = platform.waggle("move", "start", workspace.name, "--to", cell, "--window", "0", "--wait")
    await eventually(lambda: platform.waggle("move", "show", move["move_id"])["state"] == "done", within_s=60)
    assert platform.waggle("workspace", "show", workspace.name)["cell"] == cell


async def settled(platform: Platform, there: Furnished) -> Answers:
    """What everyone reads once what is done in the background has been done: twice the same."""
    last = everything(platform.api, there.tokens, there.known)
    for _ in range(5):
        before, last = last, everything(platform.api, there.tokens, there.known)
        if not (differ := changed(before, last)):
            return last
    raise AssertionError(f"never twice the same: {differ[:5]}")


def changed(before: Answers, after: Answers) -> list[str]:
    """Askings whose answer is another one now."""
    assert before.keys() == after.keys()
    nothing: frozenset[str] = frozenset()
    found = []
    for (who, method, arguments), answer in before.items():
        hidden, _why = DIFFERS.get(method, (nothing, ""))
        one, other = without(answer, hidden), without(after[who, method, arguments], hidden)
        if one != other:
            found.append(f"{who}: {method} {arguments}: {first_difference(one, other)}")
    return found


def first_difference(one: Any, other: Any) -> str:
    """For whoever reads the failure."""
    ours, theirs = json.dumps(one, sort_keys=True), json.dumps(other, sort_keys=True)
    at = next((n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))
    return f"...{ours[max(0, at - 60) : at + 60]} | {theirs[max(0, at - 60) : at + 60]}..."
