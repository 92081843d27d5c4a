"""Files are brought before anybody waits for them, and looked at under the seal only where a row that speaks of them has changed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from control_plane.moves.outcomes import StepRefused, Switch, Wait
from control_plane.moves.steps import Work, freeze
from control_plane.registry import Cell, MoveState, MoveStep
from protos.cell.v1 import transfer_pb2
from tests.harness.clock import ManualClock
from tests.harness.move_search import Row, _move, _registered
from tests.harness.move_world import NAMES

pytestmark = pytest.mark.anyio


@dataclass
class Cells:
    """Both of them, and their files: what was said, in order."""

    words: tuple[str, str]
    """Of the proof, and under the seal."""
    ends: tuple[int, int] = (9, 9)
    """Where the log ends in either."""
    brought: bool = True
    said: list[str] = field(default_factory=list)

    async def ask(self, _cell: Any, what: Callable[[Any], Awaitable[Any]]) -> Any:
        return await what(self)

    ask_transfer = ask

    def __getattr__(self, verb: str) -> Callable[..., Awaitable[Any]]:
        async def say(_request: Any, timeout: float) -> Any:
            self.said.append(verb)
            answers: dict[str, dict[str, Any]] = {
                "Publish": {"connection": "c"},
                "Compare": {"done": True, "attachments": self.words[0]},
                "Seal": {"seq": self.ends[0]},
                "CompareRest": {"seq": self.ends[1], "attachments": self.words[1]},
            }
            return getattr(transfer_pb2, f"{verb}Reply")(**answers[verb])

        return say

    async def bring(self, _workspace_id: str, _giver: Cell, _taker: Cell, _wait_ms: int) -> bool:
        self.said.append("bring")
        return self.brought

    async def clear(self, *_: Any) -> bool:
        return True


async def frozen(cells: Cells) -> Any:
    row = Row(MoveStep.FREEZE, MoveState.RUNNING, 7, (("window_s", 0),), 0, 1)
    source, target = (_registered(name) for name in NAMES)
    return await freeze(Work(_move(row, 0.0), source, target, cells, ManualClock(), attachments=cells))


@pytest.mark.parametrize(("words", "waited_for"), [(("a-1", "a-1"), 0), (("a-1", "a-2"), 1), (("a-1", "b-1"), 1), (("", ""), 1)], ids=repr)
async def test_under_the_seal_files_are_looked_at_only_where_something_was_said_of_them(words: tuple[str, str], waited_for: int) -> None:
    cells = Cells(words)
    assert isinstance(await frozen(cells), Switch)
    assert cells.said.index("Compare") < cells.said.index("bring") < cells.said.index("Seal"), "the word is older than what was brought"
    assert cells.said[cells.said.index("Seal") :].count("bring") == waited_for


async def test_nobody_is_made_to_wait_while_files_are_still_under_way() -> None:
    cells = Cells(("a-1", "a-1"), brought=False)
    assert isinstance(await frozen(cells), Wait)
    assert "Seal" not in cells.said


async def test_logs_that_end_at_different_places_are_not_the_same_workspace() -> None:
    with pytest.raises(StepRefused, match="the log ends at 9 in cell-1 and at 8 in cell-2"):
        await frozen(Cells(("a-1", "a-1"), ends=(9, 8)))
