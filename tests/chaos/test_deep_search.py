"""The search over every state of a move, deeper than the tests have time for. Run by `make chaos-moves`.

WAGGLE_SEARCH_STATES (6,000,000) ends each search; 1,000,000 states take about 1.2 GB and 4 minutes.
"""

import os
import sys
import time

import pytest

from tests.harness.move_search import Bounds, Search

STATES_MAX = int(os.environ.get("WAGGLE_SEARCH_STATES", "6000000"))

pytestmark = [pytest.mark.chaos, pytest.mark.lasts(3600)]


@pytest.mark.parametrize("writes", [0, 1])
def test_two_faults_break_no_promise(writes: int) -> None:
    """Where the search is not whole, the nearest states were seen: it goes breadth first."""
    bounds = Bounds(faults=2, writes=writes, orders=0, states_max=STATES_MAX)
    began_s, search = time.monotonic(), Search(bounds)
    search.run()
    found = (
        f"{len(search.states):,} states in {time.monotonic() - began_s:.0f} s, {'all there are' if search.whole else 'not all'}: {bounds}"
    )
    sys.__stderr__.write(f"{found}\n")  # type: ignore[union-attr]
    assert len(search.states) > 300_000
    if search.whole:
        stuck = search.stuck()
        assert not stuck, search.way_to(stuck[0])
