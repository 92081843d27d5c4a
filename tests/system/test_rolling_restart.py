"""Every process of the path restarted in turn, under posts and sockets: nothing is lost, and a client comes back at most once."""

import os
import signal

import pytest

from tests.chaos.stage import Stage, staged
from tests.harness.eventually import eventually
from tests.harness.platform import Platform

pytestmark = [pytest.mark.system, pytest.mark.anyio, pytest.mark.lasts(300)]
PROCESSES = ("cell-1", "cell-2", "router")
POSTS_BETWEEN = 40


async def restart(platform: Platform, process: str) -> None:
    before = platform.pid(process)
    os.kill(before, signal.SIGTERM)
    await eventually(lambda: platform.pid(process) != before, within_s=60)


async def more_posts(stage: Stage) -> None:
    before = len(stage.posted)
    await eventually(lambda: len(stage.posted) >= before + POSTS_BETWEEN, within_s=60)


async def test_a_rolling_restart_loses_nothing(platform: Platform) -> None:
    async with staged(platform, sockets=40) as (stage, violations):
        await more_posts(stage)
        for process in PROCESSES:
            await restart(platform, process)
            await more_posts(stage)
    assert violations == []
    assert set(stage.seen.closes) <= {1012}
    assert max(socket.connects for socket in stage.sockets) == 2, "the router's restart, and no other, is seen by sockets"
