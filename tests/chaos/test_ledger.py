"""I4: an acknowledged message is never lost, doubled or reordered, whatever is killed.

Run by `make chaos`; WAGGLE_CHAOS_SECONDS (300), WAGGLE_CHAOS_SEED (1) and WAGGLE_CHAOS_SOCKETS (100) change it.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.chaos.breaking import Breaker
from tests.chaos.clients import ATTEMPT_S, Api, Poster, Seen, Socket
from tests.chaos.ledger import Posted, SocketBook, check_posts, check_socket, expected_of
from tests.chaos.outcome import Outcome, Pauses
from tests.harness.eventually import eventually
from tests.harness.platform import Platform, free_port

SECONDS = float(os.environ.get("WAGGLE_CHAOS_SECONDS", "300"))
SEED = int(os.environ.get("WAGGLE_CHAOS_SEED", "1"))
SOCKETS = int(os.environ.get("WAGGLE_CHAOS_SOCKETS", "100"))
POSTERS_EACH = 4
SETTLING_S = 120

pytestmark = [pytest.mark.chaos, pytest.mark.anyio, pytest.mark.lasts(SECONDS + 2 * SETTLING_S + 120)]


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    running = Platform(tmp_path / "home", free_port())
    running.up(cells=2)
    try:
        yield running
    finally:
        running.down()


@dataclass
class Workspace:
    name: str
    users: list[str]
    """Tokens; the first may see every channel."""
    channels: dict[str, list[str]]
    """Channels by the token of each user in them."""

    @property
    def owner(self) -> str:
        return self.users[0]


@dataclass
class Stage:
    api: Api
    seen: Seen = field(default_factory=Seen)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    posting: asyncio.Event = field(default_factory=asyncio.Event)
    posted: list[Posted] = field(default_factory=list)
    started_s: dict[str, float] = field(default_factory=dict)
    sockets: list[Socket] = field(default_factory=list)
    posters: list[Poster] = field(default_factory=list)

    def people(self, workspace: Workspace, sockets: int) -> None:
        for number in range(sockets):
            token = workspace.users[number % len(workspace.users)]
            book = SocketBook(f"{workspace.name} socket {number}", workspace.name, frozenset(workspace.channels[token]))
            self.sockets.append(Socket(book, self.api, token, self.seen, self.stopping, self.started_s))
        for number in range(POSTERS_EACH):
            token = workspace.users[number % len(workspace.users)]
            name, channels = f"{workspace.name}-p{number}", workspace.channels[token]
            self.posters.append(Poster(name, self.api, token, channels, self.seen, self.posting, self.posted, self.started_s))


async def a_workspace(platform: Platform, api: Api, name: str, cell: str) -> Workspace:
    """Three people; everyone in `general`, each two of them in a channel of their own."""
    made = await asyncio.to_thread(platform.workspace, name, cell)
    owner = made["tokens"]["owner"]
    added = [await asyncio.to_thread(platform.waggle, "user", "add", name, f"{who}@example.com") for who in ("ada", "bob")]
    tokens = [owner, *(user["token"] for user in added)]
    listed = await api.insist("conversations.list", owner)
    general = next(str(channel["id"]) for channel in listed["channels"] if channel["name"] == "general")
    channels = {token: [general] for token in tokens}
    for user in added:
        channel = (await api.insist("conversations.create", owner, name=f"with-{user['email'][:3]}"))["channel"]["id"]
        await api.insist("conversations.invite", owner, channel=channel, users=user["user_id"])
        for token in (owner, user["token"]):
            channels[token].append(channel)
    return Workspace(name, tokens, channels)


async def history(api: Api, workspace: Workspace) -> dict[str, list[tuple[str, str]]]:
    """Every message that people wrote in each channel, oldest first."""
    found: dict[str, list[tuple[str, str]]] = {}
    for channel in workspace.channels[workspace.owner]:
        messages: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = await api.insist("conversations.history", workspace.owner, channel=channel, limit=500, cursor=cursor)
            messages += page["messages"]
            cursor = (page.get("response_metadata") or {}).get("next_cursor", "")
            if not cursor:
                break
        found[channel] = [(message["ts"], message["text"]) for message in reversed(messages) if "subtype" not in message]
    return found


async def test_nothing_acknowledged_is_lost_doubled_or_reordered(platform: Platform) -> None:
    async with AsyncExitStack() as stack:
        timeout = aiohttp.ClientTimeout(total=ATTEMPT_S)
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)))
        stage = Stage(Api(http, platform.api))
        workspaces = [await a_workspace(platform, stage.api, f"chaos-{n}", f"cell-{n}") for n in (1, 2)]
        for workspace in workspaces:
            stage.people(workspace, SOCKETS // len(workspaces))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        sockets = [group.create_task(socket.run()) for socket in stage.sockets]
        async with asyncio.timeout(60):
            await asyncio.gather(*(socket.ready.wait() for socket in stage.sockets))
        posters = [group.create_task(poster.run()) for poster in stage.posters]
        breaker = Breaker(platform, SEED)
        await breaker.run(SECONDS)
        stage.posting.set()
        async with asyncio.timeout(SETTLING_S):
            await asyncio.gather(*posters)
        violations = await judged(stage, workspaces)
        stage.stopping.set()
        for socket in stage.sockets:
            socket.close()
        for task in sockets:
            task.cancel()
        outcome = outcome_of(stage, breaker, violations)
        outcome.keep()
    assert outcome.violations == []
    assert outcome.posts > 0


async def judged(stage: Stage, workspaces: list[Workspace]) -> list[str]:
    """Once every socket has all that it must have, or the time for it is over: everything that is wrong."""
    stored = {name: messages for workspace in workspaces for name, messages in (await history(stage.api, workspace)).items()}
    expected = {socket.book.name: expected_of(socket.book, stored) for socket in stage.sockets}
    complete = eventually(
        lambda: all(len(socket.book.received) >= len(expected[socket.book.name]) for socket in stage.sockets), SETTLING_S, 0.2
    )
    wrong = list(stage.seen.wrong)
    try:
        await complete
    except AssertionError:
        wrong.append(f"not every socket had everything {SETTLING_S} s after the last fault")
    wrong += check_posts(stage.posted, stored)
    for socket in stage.sockets:
        wrong += check_socket(socket.book, expected[socket.book.name])
    stage.seen.answers["stored"] = sum(map(len, stored.values()))
    return wrong


def outcome_of(stage: Stage, breaker: Breaker, violations: list[str]) -> Outcome:
    seen = stage.seen
    stored = seen.answers.pop("stored")
    return Outcome(
        seed=SEED,
        seconds=SECONDS,
        sockets=len(stage.sockets),
        faults=dict(breaker.done),
        posts=len(stage.posted),
        stored=stored,
        events=sum(len(socket.book.received) for socket in stage.sockets),
        reconnects=sum(max(0, socket.connects - 1) for socket in stage.sockets),
        answers=dict(seen.answers),
        closes={str(code): count for code, count in seen.closes.items()},
        refused_upgrades=dict(seen.refused_upgrades),
        post_ms=Pauses.of(seen.post_s),
        delivery_ms=Pauses.of(seen.delivery_s),
        away_ms=Pauses.of(seen.away_s),
        violations=violations,
    )
