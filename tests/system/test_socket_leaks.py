"""Sockets that come and go, well or badly, leave nothing behind in the router or the cell."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil
import pytest

from tests.harness.eventually import eventually
from tests.harness.platform import Platform
from tests.harness.rawsocket import TEXT, RawSocket, close_frame, frame_of
from tests.harness.slack import web_client
from tests.system.conftest import Workspace

pytestmark = [pytest.mark.system, pytest.mark.anyio]
WARM_UP = 200
AT_ONCE = 16
RSS_GROWTH_BYTES_MAX = 12 << 20
"""What an allocator may keep; 1.2 KB for each of 10,000 sockets is a leak."""
DESCRIPTORS_GROWTH_MAX = 32
"""A pool of database connections may fill up meanwhile; sockets that end one way alone are more."""


@dataclass(frozen=True)
class At:
    host: str
    port: int


async def _closes_well(raw: RawSocket) -> None:
    await raw.send(close_frame(1000))
    while (await raw.frame())[0] == TEXT:
        pass


async def _breaks_a_rule(raw: RawSocket) -> None:
    await raw.send(frame_of(3, b"x"))
    while (await raw.frame())[0] == TEXT:
        pass


async def _half_closes(raw: RawSocket) -> None:
    raw.writer.write_eof()
    await raw.reader.read()


async def _vanishes(raw: RawSocket) -> None:
    raw.writer.transport.abort()


ENDS: tuple[Callable[[RawSocket], Awaitable[None]], ...] = (_closes_well, _breaks_a_rule, _half_closes, _vanishes)


async def come_and_go(platform: Platform, token: str, count: int) -> None:
    client, turns = web_client(platform, token), asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with turns, asyncio.timeout(60):
            url = urlsplit((await asyncio.to_thread(client.rtm_connect))["url"])
            raw = await RawSocket.open(At("127.0.0.1", platform.port), path=url.path)
            await raw.text()  # hello
            await ENDS[number % len(ENDS)](raw)
            raw.close()

    await asyncio.gather(*(one(number) for number in range(count)))


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.chaos)])
async def test_nothing_is_left_of_sockets_that_have_gone(platform: Platform, acme: Workspace, count: int) -> None:
    processes = {name: psutil.Process(platform.pid(name)) for name in ("router", acme.cell)}
    await come_and_go(platform, acme.owner, WARM_UP)
    descriptors = {name: process.num_fds() for name, process in processes.items()}
    rss_bytes = {name: process.memory_info().rss for name, process in processes.items()}
    await come_and_go(platform, acme.owner, count)
    for name, process in processes.items():
        await eventually(lambda p=process, n=name: p.num_fds() <= descriptors[n] + DESCRIPTORS_GROWTH_MAX, within_s=15)  # type: ignore[misc]
    grown = {name: process.memory_info().rss - rss_bytes[name] for name, process in processes.items()}
    print(f"{count} sockets: descriptors before {descriptors}, RSS grown by {grown} bytes")
    assert max(grown.values()) <= RSS_GROWTH_BYTES_MAX, grown
