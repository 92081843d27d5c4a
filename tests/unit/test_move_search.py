"""Every order in which messages, writes, faults and controllers may meet: one owner, nothing lost, always an end, nothing left.

Each search is whole: it ends because nothing new can be reached. A deeper one is run by `make chaos-moves`.
"""

import pytest

from control_plane.moves import steps
from protos.cell.v1 import transfer_pb2
from tests.harness.move_search import Bounds, Broken, Search, undone_with_orders_late

STATES_MIN = 100_000


@pytest.mark.lasts(300)
@pytest.mark.parametrize(
    ("bounds", "states_min"),
    [
        (Bounds(faults=0, writes=3, orders=1), 1_000),
        (Bounds(faults=1, writes=1, orders=1), STATES_MIN),
        (Bounds(faults=1, writes=1, orders=1, window_s=0), 10_000),
    ],
    ids=["no fault", "one fault, one order, one write", "without a way back"],
)
def test_every_state_keeps_the_promises_and_leads_to_an_end(bounds: Bounds, states_min: int) -> None:
    search = Search(bounds)
    search.run()
    assert search.whole
    assert len(search.states) >= states_min
    stuck = search.stuck()
    assert not stuck, search.way_to(stuck[0])


def test_orders_that_come_after_the_end_of_a_move_freeze_nobody() -> None:
    """Three of them once did together: three faults are more than a whole search can hold, so it begins where they have been made."""
    bounds = Bounds(faults=0, writes=1, orders=0)
    search = Search(bounds, undone_with_orders_late(bounds, "Publish", "Mark", "Seal"))
    search.run()
    assert search.whole
    assert not search.stuck()


def test_the_search_sees_a_switch_that_does_not_wait_for_the_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be worth nothing if it could not find what it looks for."""

    async def hasty(work: steps.Work, giver: object, taker: object, epoch: int) -> object:
        sealed = await work.say(giver, "Seal", transfer_pb2.SealRequest(**work.key, epoch=epoch, number=work.next_mark()))  # type: ignore[arg-type]
        facts = {"sealed_us": 0, "seq": sealed.seq, "last_ts_us": sealed.last_ts_us}
        return steps.Switch(taker.name, epoch + 1, facts)  # type: ignore[attr-defined]

    monkeypatch.setattr(steps, "_freeze", hasty)
    with pytest.raises(Broken, match="the owner holds"):
        Search(Bounds(faults=0, writes=1, orders=0)).run()
