"""Everyone comes back at once: 5,000 clients after a router is killed, and after their cell is. All back, nothing missed."""

import asyncio
import json
import os
import random
import re
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from bench.load import http_request
from bench.receive import Receiver, receiver
from bench.report import Report
from bench.setting import Setting

CLIENTS = int(os.environ.get("WAGGLE_BENCH_STORM_CLIENTS", "5000"))
CONNECTING_AT_ONCE = 64
BACK_S_MAX = 15.0
PATIENCE_S = 120.0
FIRST_WAIT_S = 0.5
"""A client whose connection broke waits up to this, at random, and twice as long at each further try (as Slack's SDKs do)."""
WAIT_S_MAX = 4.0
POST_EVERY_S = 0.25
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


async def ask(setting: Setting, method: str, **arguments: Any) -> dict[str, Any]:
    """One call on a connection of its own. Raises OSError, ValueError or TimeoutError where no whole answer came."""
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", setting.port)
        try:
            writer.write(http_request(f"/api/{method}", setting.host, setting.owner, json.dumps(arguments).encode()))
            head = await reader.readuntil(b"\r\n\r\n")
            found = _LENGTH.search(head)
            if found is None:
                raise ValueError(f"{method}: no length in the answer")
            answer: dict[str, Any] = json.loads(await reader.readexactly(int(found[1])))
        except asyncio.IncompleteReadError as error:
            raise ConnectionError(str(error)) from error
        finally:
            writer.close()
    if not answer.get("ok"):
        raise ConnectionError(str(answer.get("error")))
    return answer


@dataclass
class Client:
    setting: Setting
    seq: int | None = None
    texts: list[str] = field(default_factory=list)
    tries: int = 0
    lines: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    line: Receiver | None = None

    @property
    def connected(self) -> bool:
        return self.line is not None and not self.line.closed.done()

    async def stay(self) -> None:
        """Connected for as long as it is not cancelled."""
        while True:
            await self.connect()
            assert self.line is not None
            await self.line.closed
            await asyncio.sleep(random.uniform(0, FIRST_WAIT_S))

    async def connect(self) -> None:
        wait_s = FIRST_WAIT_S
        while not await self._try():
            await asyncio.sleep(random.uniform(wait_s / 2, wait_s))
            wait_s = min(wait_s * 2, WAIT_S_MAX)

    async def _try(self) -> bool:
        self.tries += 1
        place = {"seq": 1} if self.seq is None else {"resume": self.seq}
        try:
            url = urlsplit((await ask(self.setting, "rtm.connect", **place))["url"])
            self.line = await receiver("127.0.0.1", self.setting.port, f"{url.path}?{url.query}", self._on_text)
        except (OSError, ValueError, TimeoutError) as error:
            self.failures[f"{type(error).__name__} {error}"[:40]] += 1
            return False
        self.lines += 1
        return True

    def _on_text(self, text: bytes) -> None:
        event = json.loads(text)
        self.seq = max(self.seq or 0, event.get("seq", 0))
        if event["type"] == "message":
            self.texts.append(event["text"])


@dataclass
class Storm:
    setting: Setting
    channel: str
    clients: list[Client]
    posted: list[str] = field(default_factory=list)

    async def post(self) -> None:
        """One message, sent again until it is acknowledged."""
        text = f"storm {len(self.posted)}"
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await ask(self.setting, "chat.postMessage", channel=self.channel, text=text, client_msg_id=text)
                    break
                except (OSError, ValueError, TimeoutError):
                    await asyncio.sleep(0.1)
        self.posted.append(text)

    async def post_on(self) -> None:
        while True:
            await self.post()
            await asyncio.sleep(POST_EVERY_S)

    async def everyone(self, fact: Any, since_s: float) -> float:
        """Seconds from `since_s` until `fact` holds for each client; infinity when it does not within PATIENCE_S."""
        while not all(map(fact, self.clients)):
            if time.monotonic() - since_s > PATIENCE_S:
                return float("inf")
            await asyncio.sleep(0.05)
        return time.monotonic() - since_s

    async def struck(self, process: str) -> tuple[float, float]:
        """Kill it; seconds until everyone is connected, and until everyone has an event posted after that."""
        posting = asyncio.create_task(self.post_on())
        lines = [client.lines for client in self.clients]
        began_s = time.monotonic()
        os.kill(self.setting.platform.pid(process), signal.SIGKILL)
        if process == "router":
            before = dict(zip(map(id, self.clients), lines, strict=True))
            back_s = await self.everyone(lambda client: client.connected and client.lines > before[id(client)], began_s)
        else:
            await self.post()
            back_s = await self.everyone(lambda client: client.connected, began_s)
        posting.cancel()
        await asyncio.gather(posting, return_exceptions=True)
        await self.post()
        last = self.posted[-1]
        return back_s, await self.everyone(lambda client: bool(client.texts) and client.texts[-1] == last, began_s)

    def failures(self) -> dict[str, int]:
        """Why attempts failed since this was last asked, the three commonest."""
        found = sum((client.failures for client in self.clients), Counter[str]())
        for client in self.clients:
            client.failures.clear()
        return dict(found.most_common(3))

    def lost_and_doubled(self) -> tuple[int, int]:
        lost = sum(len(set(self.posted) - set(client.texts)) for client in self.clients)
        return lost, sum(len(client.texts) - len(set(client.texts)) for client in self.clients)


async def measure(setting: Setting, report: Report) -> None:
    channel = setting.channel("bench-storm")
    storm = Storm(setting, channel, [Client(setting) for _ in range(CLIENTS)])
    staying = await arrive(storm.clients)
    await storm.post()
    for process, what in (("router", "router kill"), (setting.cell, "cell kill")):
        tries = sum(client.tries for client in storm.clients)
        back_s, whole_s = await storm.struck(process)
        tries = sum(client.tries for client in storm.clients) - tries
        lost, doubled = storm.lost_and_doubled()
        detail = f"{CLIENTS} clients, {tries} connection attempts, every event at every client after {whole_s:.1f} s; {storm.failures()}"
        report.add(f"{what}: all clients back", back_s if process == "router" else whole_s, "s", at_most=BACK_S_MAX, detail=detail)
        report.add(f"{what}: events lost", lost, "", at_most=0, detail=f"{doubled} doubled")
    for task in staying:
        task.cancel()
    await asyncio.gather(*staying, return_exceptions=True)


async def arrive(clients: list[Client]) -> list["asyncio.Task[None]"]:
    """Everyone connected, a few at a time."""
    turns = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def enter(client: Client) -> None:
        async with turns:
            await client.connect()

    await asyncio.gather(*(enter(client) for client in clients))
    return [asyncio.create_task(stay_on(client)) for client in clients]


async def stay_on(client: Client) -> None:
    assert client.line is not None
    await client.line.closed
    await asyncio.sleep(random.uniform(0, FIRST_WAIT_S))
    await client.stay()
