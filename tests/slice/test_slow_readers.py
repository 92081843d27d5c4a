"""A client that does not read: it loses what may be lost, then its socket with a reason, and nobody else notices."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from websockets.asyncio.client import ClientConnection, connect

from router.edge.connection import WRITE_BYTES_HIGH, Patience
from router.edge.serving import ServingSettings
from router.edge.sockets import SocketSettings
from tests.harness.edge import Edge, FakeSession, an_edge
from tests.harness.eventually import eventually
from tests.harness.rawsocket import PATH, RawSocket

pytestmark = pytest.mark.anyio
FAST = 20
SEND_BYTES_MAX = 256 << 10
EVENT = json.dumps({"type": "message", "text": "x" * 20_000})
DELAY_S_MAX = 1.0
"""Far above what a delivery takes, far below what waiting for the slow one would."""


@dataclass
class Crowd:
    slow: RawSocket
    slow_session: FakeSession
    fast: list[tuple[ClientConnection, FakeSession]]

    async def everyone_fast_gets(self, text: str) -> None:
        before_s = time.monotonic()
        assert all(session.sink.send(text) for _, session in self.fast)
        assert {await client.recv() for client, _ in self.fast} == {text}
        assert time.monotonic() - before_s < DELAY_S_MAX

    def fill(self, events_max: int = 2_000) -> int:
        """Send to the one who does not read until it is let go; returns how many were taken."""
        for taken in range(events_max):
            if not self.slow_session.sink.send(EVENT):
                return taken
        raise AssertionError("the slow reader's buffer has no bound")


@asynccontextmanager
async def a_crowd(closing_s: float = 5.0) -> AsyncIterator[tuple[Edge, Crowd]]:
    sockets = SocketSettings(send_bytes_max=SEND_BYTES_MAX)
    settings = ServingSettings(patience=Patience(closing_s=closing_s), drain_s=1.0)
    async with an_edge(sockets=sockets, settings=settings) as edge, asyncio.timeout(60):
        slow = await RawSocket.open(edge, receive_bytes=4096)
        slow_session = await edge.forwarder.sessions.get()
        fast = [(await connect(edge.ws + PATH), await edge.forwarder.sessions.get()) for _ in range(FAST)]
        yield edge, Crowd(slow, slow_session, fast)
        await asyncio.gather(*(client.close() for client, _ in fast))
        slow.close()


def presence(number: int) -> str:
    return json.dumps({"type": "presence_change", "user": f"U{number % 3}", "presence": "active", "n": number})


async def block(crowd: Crowd) -> int:
    """Fill what the kernel takes, and some of the edge's own buffer; returns how many events that were."""
    sent = 0
    unsent = 0
    wire = crowd.slow_session.sink._wire  # type: ignore[attr-defined]
    while unsent <= 2 * WRITE_BYTES_HIGH:
        assert crowd.slow_session.sink.send(EVENT)
        sent += 1
        await asyncio.sleep(0)
        unsent = wire.unsent_bytes()
    return sent


async def test_passing_news_never_costs_a_slow_reader_its_socket_and_the_last_of_each_arrives() -> None:
    async with a_crowd() as (_, crowd):
        blocked_by = await block(crowd)
        for number in range(20_000):
            crowd.slow_session.sink.offer(presence(number))
        await crowd.everyone_fast_gets(EVENT)
        assert crowd.slow_session.closed.empty()
        assert crowd.slow_session.sink.send('{"type":"message","text":"after"}')
        texts = [json.loads(await crowd.slow.text()) for _ in range(blocked_by)]
        assert {said["type"] for said in texts} == {"message"}
        rest: list[dict[str, object]] = []
        while sum("n" in said for said in rest) < 3 or not any(said.get("text") == "after" for said in rest):
            rest.append(json.loads(await crowd.slow.text()))
        last = {said["user"]: said["n"] for said in rest if "n" in said}
        assert last == {"U0": 19_998, "U1": 19_999, "U2": 19_997}
        assert sum("n" in said for said in rest) <= 6, "what was said again meanwhile is not sent"


async def test_past_the_buffer_it_is_let_go_and_can_read_why() -> None:
    async with a_crowd() as (_, crowd):
        taken = crowd.fill()
        await crowd.everyone_fast_gets(EVENT)
        for _ in range(taken):
            assert await crowd.slow.text() == EVENT
        assert await crowd.slow.close_code() == (1013, "slow reader: reconnect and catch up")
        await crowd.slow_session.closed.get()
        await crowd.everyone_fast_gets("still here")


async def test_one_who_never_reads_again_is_cut_and_what_waited_is_forgotten() -> None:
    async with a_crowd(closing_s=0.5) as (edge, crowd):
        await block(crowd)
        crowd.slow_session.sink.offer(presence(1))
        await asyncio.sleep(0)
        crowd.fill()
        for number in range(20):
            await crowd.everyone_fast_gets(f"event {number}")
        await crowd.slow_session.closed.get()
        await eventually(lambda: len(edge.serving) == FAST)
        with pytest.raises((ConnectionError, EOFError)):
            while True:
                await crowd.slow.frame()


async def test_no_send_waits_for_it() -> None:
    async with a_crowd(closing_s=0.5) as (_, crowd):
        before_s = time.monotonic()
        crowd.fill()
        for _ in range(1_000):
            assert crowd.slow_session.sink.send(EVENT), "nothing more is owed to it"
        assert time.monotonic() - before_s < DELAY_S_MAX
