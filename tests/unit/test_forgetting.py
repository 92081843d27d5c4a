"""What is kept beside the rows is forgotten part by part, and keeps no move from ending for long."""

import pytest

from cells.runtime.transfer.moving.errors import CannotMove
from cells.runtime.transfer.moving.forgetting import PATIENCE_S, WAITED_FOR_MAX, Forgetting
from chassis.identity import WorkspaceId, make_workspace_id
from tests.harness.clock import ManualClock

pytestmark = pytest.mark.anyio


class Shelf:
    left = 2
    answers = True

    async def forget(self, _: WorkspaceId) -> int:
        if not self.answers:
            raise OSError("nobody there")
        self.left, before = max(0, self.left - 1), self.left
        return before


async def test_what_does_not_answer_is_waited_for_and_then_left() -> None:
    shelf, clock, ours = Shelf(), ManualClock(), make_workspace_id()
    forgetting = Forgetting(shelf.forget, clock)
    assert await forgetting.part(ours) == 2
    shelf.answers = False
    for _ in range(2):
        with pytest.raises(CannotMove, match="nobody there"):
            await forgetting.part(ours)
        clock.advance(PATIENCE_S - 1)
    assert await forgetting.part(ours) == 0
    shelf.answers = True
    assert [await forgetting.part(ours), await forgetting.part(ours)] == [1, 0]


async def test_it_remembers_no_end_of_workspaces() -> None:
    shelf = Shelf()
    shelf.answers = False
    forgetting = Forgetting(shelf.forget, ManualClock())
    for _ in range(WAITED_FOR_MAX + 10):
        with pytest.raises(CannotMove):
            await forgetting.part(make_workspace_id())
    assert len(forgetting._failing_since_s) == WAITED_FOR_MAX
