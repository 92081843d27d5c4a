"""A task that speaks with Redis ends when it is cancelled, at whatever moment: a swallowed cancellation is a process that hangs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cells.runtime.bus import Bus

pytestmark = pytest.mark.anyio

TIMES = 300
STEPS_OF_THE_LOOP = 50
ENDS_WITHIN_S = 0.25


@asynccontextmanager
async def a_redis(url: str) -> AsyncIterator[Bus]:
    bus = Bus(url)
    try:
        yield bus
    finally:
        await bus.redis.aclose()


async def ask_for_ever(bus: Bus) -> None:
    while True:
        await bus.redis.ping()


async def test_a_cancellation_is_never_swallowed(redis_url: str) -> None:
    async with a_redis(redis_url) as bus:
        for at in range(TIMES):
            asking = asyncio.create_task(ask_for_ever(bus))
            for _ in range(1 + at % STEPS_OF_THE_LOOP):
                await asyncio.sleep(0)
            asking.cancel()
            ended, _ = await asyncio.wait([asking], timeout=ENDS_WITHIN_S)
            await until_ended(asking)
            assert ended, f"cancelled after {1 + at % STEPS_OF_THE_LOOP} steps of the loop, it went on"


async def until_ended(task: "asyncio.Task[None]") -> None:
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=ENDS_WITHIN_S)
