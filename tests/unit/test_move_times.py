"""A step is told how long it has been at work, the waits between its turns with it: rates are learnt from that."""

import asyncio
import time
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from chassis.clock import SystemClock
from control_plane.moves import Controller
from control_plane.registry import Move, MoveState, MoveStep, Registry
from protos.cell.v1 import transfer_pb2
from tests.harness.move_search import Row, _move, _registered

pytestmark = pytest.mark.anyio

ROWS = 20_000


@dataclass
class Shelf:
    """A registry with one move in it, which is over when it has been copied; its ages run as the database's do."""

    move: Move
    recorded: list[Move] = field(default_factory=list)
    copied: asyncio.Event = field(default_factory=asyncio.Event)
    _since_s: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.moves = self.cells = self

    async def require(self, name: str) -> Any:
        return _registered(name)

    async def unfinished(self, limit: int) -> tuple[Move, ...]:
        return (await self.claim(),)

    async def claim(self, *_: Any) -> Move:
        return replace(self.move, step_age_s=time.monotonic() - self._since_s)

    async def record(self, _move: Move, step: MoveStep, facts: Any, **_: Any) -> Move:
        ended = step is not MoveStep.COPY
        self.move = replace(self.move, step=step, facts=facts, state=MoveState.DONE if ended else MoveState.RUNNING)
        self.recorded.append(self.move)
        if ended:
            self.copied.set()
        return await self.claim()


@dataclass
class Cells:
    """A copy that is not whole when it is first asked after."""

    asked: int = 0

    async def ask_transfer(self, _cell: Any, what: Any) -> Any:
        return await what(self)

    async def Publish(self, *_: Any, **__: Any) -> Any:
        return transfer_pb2.PublishReply(connection="c")

    async def Copy(self, *_: Any, **__: Any) -> Any:
        self.asked += 1
        return transfer_pb2.CopyReply(done=self.asked > 1, rows=ROWS * self.asked)


async def test_the_wait_between_two_questions_after_a_copy_counts() -> None:
    shelf = Shelf(_move(Row(MoveStep.COPY, MoveState.RUNNING, 1, (), 1, 2), 0.0))
    controller = Controller(cast("Registry", shelf), cast("Any", Cells()), SystemClock())
    running = asyncio.create_task(controller.run())
    try:
        async with asyncio.timeout(10):
            await shelf.copied.wait()
    finally:
        running.cancel()
        await asyncio.wait({running})
    first, last = (move.facts["copy_s"] for move in shelf.recorded)
    assert last - first >= 0.2, "the controller waits so long before it asks again"
