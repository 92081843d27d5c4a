"""Work beside a block: over when the block is, heard of when it fails, and no cancellation is lost while it is waited for."""

import asyncio

import pytest
from structlog.testing import capture_logs

from chassis.background import in_background

pytestmark = pytest.mark.anyio


async def test_it_ends_with_the_block_and_is_waited_for() -> None:
    began, ended = asyncio.Event(), list[str]()

    async def work(name: str) -> None:
        try:
            began.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(name)

    async with in_background(work("one"), work("other")):
        await began.wait()
    assert ended == ["one", "other"]


async def test_what_fails_is_logged_and_the_block_goes_on() -> None:
    async def work() -> None:
        raise ValueError("lost its way")

    with capture_logs() as logs:
        async with in_background(work()):
            await asyncio.sleep(0)
    assert [line["error"] for line in logs] == ["ValueError('lost its way')"]


async def test_who_is_cancelled_while_waiting_for_it_is_cancelled() -> None:
    began, ending, let_go = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await let_go.wait()

    async def block() -> None:
        async with in_background(stubborn()):
            await began.wait()

    task = asyncio.create_task(block())
    await ending.wait()
    task.cancel()
    let_go.set()
    assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError)
