"""Before people are made to wait: a stream is measured by a mark of its own, each time anew, and not for ever."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from control_plane.moves.outcomes import Outcome, Switch, Wait
from control_plane.moves.steps import LAG_S_MAX, Work, back_freeze
from control_plane.moves.turning import after
from control_plane.registry import MoveState, MoveStep
from protos.cell.v1 import transfer_pb2
from tests.harness.clock import ManualClock
from tests.harness.move_search import Row, _move, _registered
from tests.harness.move_world import NAMES

pytestmark = pytest.mark.anyio

QUICK_S, SLOW_S = 0.01, 0.5


@dataclass
class Cells:
    """Both of them: what was said, and a stream that is slow for the first marks."""

    clock: ManualClock
    slow: int
    said: list[str] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)

    async def ask(self, _cell: Any, what: Callable[[Any], Awaitable[Any]]) -> Any:
        return await what(self)

    ask_transfer = ask

    def __getattr__(self, verb: str) -> Callable[..., Awaitable[Any]]:
        async def say(request: Any, timeout: float) -> Any:
            self.said.append(verb)
            if verb == "Mark":
                self.marks.append(request.number)
            if verb == "AwaitMark" and "Seal" not in self.said:
                self.clock.advance(SLOW_S if len(self.marks) <= self.slow else QUICK_S)
            answers: dict[str, dict[str, Any]] = {"Compare": {"done": True}, "AwaitMark": {"seen": True}, "Publish": {"connection": "c"}}
            return getattr(transfer_pb2, f"{verb}Reply")(**answers.get(verb, {}))

        return say


async def turns(cells: Cells, window_s: int = 60, step_age_s: float = 0.0) -> list[Outcome]:
    """What the step comes to, turn after turn, until it waits no more."""
    row = Row(MoveStep.BACK_FREEZE, MoveState.RUNNING, 7, (("window_s", window_s),), 1, 2)
    move, outcomes = replace(_move(row, 0.0), step_age_s=step_age_s), list[Outcome]()
    source, target = (_registered(name) for name in NAMES)
    while not outcomes or isinstance(outcomes[-1], Wait):
        outcomes.append(await back_freeze(Work(move, source, target, cells, cells.clock, began_s=cells.clock.monotonic_s())))
        turn = after(move, outcomes[-1])
        if turn is not None:
            move = replace(move, version=move.version + 1, facts=turn.facts)
    return outcomes


async def test_a_rollback_freezes_once_its_stream_is_close_behind() -> None:
    cells = Cells(ManualClock(), slow=3)
    outcomes = await turns(cells)
    assert [type(outcome) for outcome in outcomes] == [Wait, Wait, Wait, Switch]
    assert len(set(cells.marks)) == 4, "a mark that has been seen before measures nothing"
    assert cells.said.index("Seal") > cells.said.index("AwaitMark")


@pytest.mark.parametrize("more", [{"window_s": 0}, {"step_age_s": LAG_S_MAX}], ids=["without a window", "after long"])
async def test_it_is_not_measured_where_it_would_change_nothing(more: dict[str, Any]) -> None:
    cells = Cells(ManualClock(), slow=99)
    (outcome,) = await turns(cells, **more)
    assert isinstance(outcome, Switch) and not cells.marks
