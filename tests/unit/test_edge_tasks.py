"""The lean stand-ins for Hypercorn's queue and event keep their bounds and their order."""

import asyncio

import pytest

from router.edge.tasks import Inbox, Signal

pytestmark = pytest.mark.anyio


async def test_an_inbox_keeps_order_and_its_bound() -> None:
    inbox = Inbox(2)
    putting = [asyncio.create_task(inbox.put(number)) for number in range(5)]
    async with asyncio.timeout(5):
        await asyncio.gather(*putting[:2])
        assert not any(task.done() for task in putting[2:])
        assert sorted([await inbox.get() for _ in range(5)]) == list(range(5))
        await asyncio.gather(*putting)


async def test_a_reader_that_gives_up_takes_nothing_with_it() -> None:
    inbox = Inbox(2)
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await inbox.put("kept")
    async with asyncio.timeout(5):
        assert await inbox.get() == "kept"


async def test_a_signal_wakes_all_and_can_be_taken_back() -> None:
    signal = Signal()
    waiting = [asyncio.create_task(signal.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    await signal.set()
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting)
        await signal.wait()
    await signal.clear()
    assert not signal.is_set()
