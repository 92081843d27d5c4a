"""The search over every state of a move, deeper than the tests have time for. Run by `make chaos-moves`.

WAGGLE_SEARCH_FAULTS (2), WAGGLE_SEARCH_WRITES (1), WAGGLE_SEARCH_ORDERS (0) and WAGGLE_SEARCH_STATES (3,000,000) bound it.
"""

import os
import sys
import time

import pytest

from tests.harness.move_search import Bounds, Search

DEEP = Bounds(
    faults=int(os.environ.get("WAGGLE_SEARCH_FAULTS", "2")),
    writes=int(os.environ.get("WAGGLE_SEARCH_WRITES", "1")),
    orders=int(os.environ.get("WAGGLE_SEARCH_ORDERS", "0")),
    states_max=int(os.environ.get("WAGGLE_SEARCH_STATES", "3000000")),
)

pytestmark = [pytest.mark.chaos, pytest.mark.lasts(3600)]


def test_two_faults_break_no_promise() -> None:
    """Where the search is not whole, the nearest states were: it goes breadth first."""
    began_s, search = time.monotonic(), Search(DEEP)
    search.run()
    found = f"{len(search.states):,} states in {time.monotonic() - began_s:.0f} s, {'all there are' if search.whole else 'not all'}: {DEEP}"
    sys.__stderr__.write(f"{found}\n")  # type: ignore[union-attr]
    assert len(search.states) > 1_000_000
    if search.whole:
        stuck = search.stuck()
        assert not stuck, search.way_to(stuck[0])
