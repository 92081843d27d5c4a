"""Clients that do what a careful client does: send again until answered, come back with the last seq."""

import asyncio
import json
import random
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bench.receive import Receiver, receiver
from tests.chaos.ledger import Posted, Received, SocketBook

ATTEMPT_S = 15.0
PAUSE_S = 0.15
PASSING = frozenset({"service_unavailable", "request_timeout", "ratelimited", "internal_error", "fatal_error"})
"""Words that tell a client to ask again. Any other would make it give up, and nothing that we break justifies that."""
PASSING_UPGRADES = ("503", "504", "429", "500", "502", "401")
"""401: the ticket ran out while the edge stood still."""


class GaveUp(Exception):
    """A client was told something that ends it."""


@dataclass
class Seen:
    """What all clients saw, added up."""

    answers: Counter[str] = field(default_factory=Counter)
    closes: Counter[int] = field(default_factory=Counter)
    connects: int = 0
    refused_upgrades: Counter[str] = field(default_factory=Counter)
    post_s: list[float] = field(default_factory=list)
    """From a post's first attempt to its acknowledgement."""
    delivery_s: list[float] = field(default_factory=list)
    """From a post's first attempt to each socket that got it."""
    away_s: list[float] = field(default_factory=list)
    """How long a socket was without a connection."""
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Api:
    http: aiohttp.ClientSession
    base: str

    async def call(self, method: str, token: str, **arguments: Any) -> dict[str, Any]:
        """One attempt. Raises ConnectionError where no answer came."""
        headers = {"Authorization": f"Bearer {token}"}
        try:
            async with self.http.post(f"{self.base}{method}", json=arguments, headers=headers) as answer:
                found: dict[str, Any] = await answer.json()
                return found
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ConnectionError(f"{method}: {error!r}") from error

    async def insist(self, method: str, token: str, seen: Seen | None = None, **arguments: Any) -> dict[str, Any]:
        """Until it is answered with ok. Raises GaveUp on a word that is not a passing one."""
        while True:
            try:
                answer = await self.call(method, token, **arguments)
            except ConnectionError:
                word = "no answer"
            else:
                if answer.get("ok"):
                    return answer
                word = str(answer.get("error"))
            if seen is not None:
                seen.answers[word] += 1
            if word not in PASSING | {"no answer"}:
                raise GaveUp(f"{method}: {word}")
            await asyncio.sleep(random.uniform(0.05, 0.3))


@dataclass
class Poster:
    """Posts one after the other into its channels, each with an id of its own, until `stopping`."""

    name: str
    api: Api
    token: str
    channels: list[str]
    seen: Seen
    stopping: asyncio.Event
    posted: list[Posted]
    started_s: dict[str, float]

    async def run(self) -> None:
        number = 0
        try:
            while not self.stopping.is_set():
                number += 1
                await self._post(number)
                await asyncio.sleep(PAUSE_S)
        except GaveUp as error:
            self.seen.wrong.append(f"{self.name} was turned away: {error}")

    async def _post(self, number: int) -> None:
        channel, text = self.channels[number % len(self.channels)], f"{self.name} {number}"
        began_s = self.started_s[text] = time.monotonic()
        answer = await self.api.insist(
            "chat.postMessage", self.token, self.seen, channel=channel, text=text, client_msg_id=str(uuid.uuid4())
        )
        self.seen.post_s.append(time.monotonic() - began_s)
        self.posted.append(Posted(self.name, number, channel, text, answer["ts"]))


@dataclass
class Socket:
    """One RTM client that comes back with the last seq whenever its connection ends."""

    book: SocketBook
    api: Api
    token: str
    seen: Seen
    stopping: asyncio.Event
    started_s: dict[str, float]
    seq: int | None = None
    connects: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    line: Receiver | None = None

    async def run(self) -> None:
        since_s = time.monotonic()
        try:
            while not self.stopping.is_set():
                line = await self._connect()
                if line is None:
                    await asyncio.sleep(random.uniform(0.05, 0.5))
                    continue
                if self.connects:
                    self.seen.away_s.append(time.monotonic() - since_s)
                self.connects += 1
                self.line = line
                code = await line.closed
                since_s = time.monotonic()
                self._closed(code)
        except GaveUp as error:
            self.seen.wrong.append(f"{self.book.name} was turned away: {error}")

    async def _connect(self) -> Receiver | None:
        place = {"seq": 1} if self.seq is None else {"resume": self.seq}
        url = urlsplit((await self.api.insist("rtm.connect", self.token, self.seen, **place))["url"])
        try:
            line = await receiver(str(url.hostname), int(url.port or 80), f"{url.path}?{url.query}", self._on_text)
        except (OSError, TimeoutError) as error:  # ConnectionError is one
            self._refused(str(error))
            return None
        self.seen.connects += 1
        return line

    def _refused(self, why: str) -> None:
        status = why.split(" ")[1] if why.startswith("HTTP/") else "lost"
        self.seen.refused_upgrades[status] += 1
        if status not in (*PASSING_UPGRADES, "lost"):
            raise GaveUp(f"upgrade: {why}")

    def _closed(self, code: int) -> None:
        if self.stopping.is_set():
            return
        self.seen.closes[code] += 1
        if code >= 4000:
            raise GaveUp(f"closed with {code}")

    def _on_text(self, text: bytes) -> None:
        event = json.loads(text)
        seq = event.get("seq")
        if seq is None:
            self.seen.wrong.append(f"{self.book.name}: a frame without seq: {text[:100]!r}")
            return
        if event["type"] == "hello":
            self._on_hello(seq)
            return
        if self.seq is not None:
            self.seq = max(self.seq, seq)
        if event["type"] == "message" and "subtype" not in event:
            self.book.received.append(Received(seq, event["channel"], event["ts"], event["text"]))
            began_s = self.started_s.get(event["text"])
            if began_s is not None:
                self.seen.delivery_s.append(time.monotonic() - began_s)

    def _on_hello(self, seq: int) -> None:
        if self.seq is None:
            self.seq = seq
            self.ready.set()
        elif seq != self.seq:
            self.seen.wrong.append(f"{self.book.name}: hello says {seq} to a client that stood at {self.seq}")

    def close(self) -> None:
        if self.line is not None:
            self.line.transport.close()
