"""Orders of a move that has ended, come late: whatever they are, and in whatever order, nobody's workspace stays frozen."""

from itertools import permutations

import pytest

from cells.runtime.transfer.ownership import StreamGone
from chassis.identity import make_workspace_id
from tests.harness.databases import FreshDatabase
from tests.slice.test_transfer import MOVE, a_side, say

pytestmark = pytest.mark.anyio


async def test_late_orders_to_publish_to_mark_and_to_freeze_freeze_nobody_together(cell_database: FreshDatabase) -> None:
    """Each alone was refused, or harmless; the three made what an order to freeze asks for: a publication and an earlier mark."""
    async with a_side(cell_database) as a:
        stream, mark = f"waggle_{MOVE}", f"move:{MOVE}"
        for order in permutations(("publish", "mark", "seal")):
            ours = make_workspace_id()
            await a.ownership.admit(ours, "acme", "acme", 1)
            await a.moves.publish(MOVE, ours)
            await a.ownership.mark(ours, mark, 1000)
            await a.moves.drop(MOVE, ours)
            assert await a.moves.leftovers() == []
            for late in order:
                if late == "publish":
                    await a.moves.publish(MOVE, ours)
                elif late == "mark":
                    await a.ownership.mark(ours, mark, 3000)
                else:
                    with pytest.raises(StreamGone):
                        await a.ownership.seal(ours, 1, 1000, stream, mark, 4000)
            await say(a, ours, 1)
            await a.moves.drop(MOVE, ours)  # as the reaper does
            assert await a.moves.leftovers() == []
