"""A workspace in use: so many writes a second over its channels, members listening, and a ledger of all that was acknowledged."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench.crowd import Crowd
from bench.moving.lines import Asked, Line
from bench.receive import Receiver, receiver
from bench.setting import Setting
from tests.chaos.ledger import Received, SocketBook, check_posts, check_socket, expected_of

CHANNELS = 10
MEMBERS = 5
"""Of each channel, each with a socket open: 50 sockets."""
RATE_PER_S = 150.0
HEARD_S_MAX = 20.0
PAGE = 999


@dataclass
class Listener:
    """One member's socket and what came through it."""

    book: SocketBook
    line: Receiver | None = None
    closed: int = 0

    def on_text(self, text: bytes) -> None:
        if b'"message"' in text:
            event = json.loads(text)
            if event.get("type") == "message" and event.get("channel") in self.book.channels:
                self.book.received.append(Received(len(self.book.received), event["channel"], event["ts"], event["text"]))


@dataclass
class Traffic:
    setting: Setting
    lines: list[Line]
    listeners: list[Listener]
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    @property
    def workspace(self) -> str:
        return Crowd(self.setting).workspace

    @property
    def failed(self) -> list[str]:
        return [reason for line in self.lines for reason in line.failed]

    @property
    def acknowledged(self) -> int:
        return sum(len(line.posted) for line in self.lines)

    @property
    def closed(self) -> int:
        return sum(listener.line is not None and listener.line.closed.done() for listener in self.listeners)

    def asked(self, since_us: int, until_us: int) -> list[Asked]:
        """Posts that were under way at some moment between the two."""
        return [post for line in self.lines for post in line.asked if post.ended_us >= since_us and post.began_us <= until_us]

    def longest_ms(self, since_us: int, until_us: int) -> float:
        return max((post.took_ms for post in self.asked(since_us, until_us)), default=0.0)

    @asynccontextmanager
    async def flowing(self, rate_per_s: float = RATE_PER_S) -> AsyncIterator[None]:
        """RATE_PER_S writes a second while the block runs; the last are answered when it ends."""
        every_s = len(self.lines) / rate_per_s
        stop = asyncio.Event()
        tasks = [asyncio.create_task(_flow(line, every_s, number / rate_per_s, stop)) for number, line in enumerate(self.lines)]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    async def burst(self, count: int) -> None:
        """So many posts, as fast as all lines can."""

        async def some(line: Line) -> None:
            for _ in range(count // len(self.lines)):
                await line.post()

        await asyncio.gather(*map(some, self.lines))

    async def wrong(self) -> list[str]:
        """Everything lost, doubled or out of order, in the history and at each socket, in sentences."""
        posted = [post for line in self.lines for post in line.posted]
        stored = {line.channel: await asyncio.to_thread(self._history, line.channel) for line in self.lines}
        found = check_posts(posted, stored)
        for listener in self.listeners:
            expected = expected_of(listener.book, stored)
            await _heard(listener, len(expected))
            found += check_socket(listener.book, expected)
        return found

    def _history(self, channel: str) -> list[tuple[str, str]]:
        """(ts, text) of every post, oldest first."""
        found: list[tuple[str, str]] = []
        cursor = ""
        while True:
            page = self.setting.call("conversations.history", channel=channel, limit=PAGE, cursor=cursor)
            found += [(message["ts"], message["text"]) for message in page["messages"] if "subtype" not in message]
            cursor = (page.get("response_metadata") or {}).get("next_cursor", "")
            if not cursor:
                return found[::-1]

    async def close(self) -> None:
        for line in self.lines:
            await line.close()
        for listener in self.listeners:
            if listener.line is not None:
                listener.line.transport.close()


async def traffic(setting: Setting, name: str) -> Traffic:
    """A workspace `name` in cell-1 with CHANNELS channels, MEMBERS listening members in each, and nobody writing yet."""
    made = await asyncio.to_thread(setting.platform.workspace, name, "cell-1")
    inside = Setting(setting.platform, made["tokens"]["owner"], made["tokens"]["bot"], "cell-1")
    crowd = Crowd(inside)
    people = await crowd.people(CHANNELS * MEMBERS)
    tokens = await crowd.tokens(people)
    lines, listeners = [], []
    for number in range(CHANNELS):
        channel = await asyncio.to_thread(inside.channel, f"channel-{number}")
        here = slice(number * MEMBERS, (number + 1) * MEMBERS)
        await crowd.join(channel, people[here])
        lines.append(Line(inside.host, inside.owner, channel))
        listeners += await _listening(inside, channel, tokens[here])
    return Traffic(inside, lines, listeners)


async def _listening(setting: Setting, channel: str, tokens: Sequence[str]) -> list[Listener]:
    found = []
    for token in tokens:
        listener = Listener(SocketBook(token[-6:], setting.cell, frozenset({channel})))
        url = urlsplit((await asyncio.to_thread(setting.call_as, token, "rtm.connect"))["url"])
        listener.line = await receiver("127.0.0.1", setting.port, f"{url.path}?{url.query}" if url.query else url.path, listener.on_text)
        found.append(listener)
    return found


async def _flow(line: Line, every_s: float, first_s: float, stop: asyncio.Event) -> None:
    """A post whenever one is due; those due while the last is under way are passed over, as a person who waits types no more."""
    due_s = time.perf_counter() + first_s
    while not stop.is_set():
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
        await line.post()
        due_s = max(due_s + every_s, time.perf_counter() - every_s)


async def _heard(listener: Listener, count: int) -> None:
    give_up_s = time.perf_counter() + HEARD_S_MAX
    while len(listener.book.received) < count and time.perf_counter() < give_up_s:  # noqa: ASYNC110 - an Event for each frame would be measured too
        await asyncio.sleep(0.02)
