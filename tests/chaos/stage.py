"""Two workspaces with posters and sockets on a real platform, and the judgement on what they were given."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.chaos.clients import ATTEMPT_S, Api, Poster, Seen, Socket
from tests.chaos.ledger import Posted, SocketBook, check_posts, check_socket, expected_of
from tests.harness.eventually import eventually
from tests.harness.platform import Platform

POSTERS_EACH = 4
SETTLING_S = 120


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
    stored = 0
    """Messages found in the end."""

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
    stage.stored = sum(map(len, stored.values()))
    return wrong


@asynccontextmanager
async def staged(platform: Platform, sockets: int) -> AsyncIterator[tuple[Stage, list[str]]]:
    """Posters post and sockets listen while the block runs; then all is judged. The list is filled with what was wrong at the end."""
    timeout = aiohttp.ClientTimeout(total=ATTEMPT_S)
    violations: list[str] = []
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as http, asyncio.TaskGroup() as group:
        stage = Stage(Api(http, platform.api))
        workspaces = [await a_workspace(platform, stage.api, f"chaos-{n}", f"cell-{n}") for n in (1, 2)]
        for workspace in workspaces:
            stage.people(workspace, sockets // len(workspaces))
        listening = [group.create_task(socket.run()) for socket in stage.sockets]
        async with asyncio.timeout(60):
            await asyncio.gather(*(socket.ready.wait() for socket in stage.sockets))
        posting = [group.create_task(poster.run()) for poster in stage.posters]
        yield stage, violations
        stage.posting.set()
        async with asyncio.timeout(SETTLING_S):
            await asyncio.gather(*posting)
        violations += await judged(stage, workspaces)
        stage.stopping.set()
        for socket in stage.sockets:
            socket.close()
        for task in listening:
            task.cancel()
