"""What processes say to their operators is bounded, taken back by silence, and one process' alone."""

import pytest

from chassis.identity import CellName, ProcessId
from control_plane.serving import notices as module
from control_plane.serving.notices import CHARACTERS_MAX, NOTICES_MAX, Notices

CELL, ONE, OTHER = CellName("cell-1"), ProcessId("one"), ProcessId("other")


def test_the_last_word_counts_and_is_bounded() -> None:
    notices = Notices()
    notices.note(CELL, ONE, ["x" * 1_000] * 100)
    assert notices.of(CELL, ONE) == ("x" * CHARACTERS_MAX,) * NOTICES_MAX and notices.of(CELL, OTHER) == ()
    notices.note(CELL, ONE, ["all is not well"])
    assert notices.of(CELL, ONE) == ("all is not well",)
    notices.note(CELL, ONE, [])
    assert notices.of(CELL, ONE) == ()


def test_a_process_that_is_silent_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    notices = Notices()
    notices.note(CELL, ONE, ["all is not well"])
    monkeypatch.setattr(module, "KEPT_S", 0.0)
    assert notices.of(CELL, ONE) == ()
