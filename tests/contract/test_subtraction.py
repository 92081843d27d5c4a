"""Every method, and every error word that a method declares, was answered in this run by real chat; what is left is explained."""

from pathlib import Path

import pytest

from cells.chat.slack.methods import all_methods
from tests.contract.left_out import LeftOut, left_out
from tests.harness.shown import OK, SHOWN

TESTS = Path(__file__).parents[1]
WITNESS = "tests.harness.chat import"
DECLARED = {(method.name, error.code) for method in all_methods().values() for error in method.errors}
WANTED = DECLARED | {(name, OK) for name in all_methods()}


def witnesses() -> set[Path]:
    """The files whose tests are seen by the harness."""
    return {path for path in TESTS.rglob("test_*.py") if WITNESS in path.read_text()}


def excused(pairs: set[tuple[str, str]], entries: list[LeftOut]) -> set[tuple[str, str]]:
    return {(method, word) for method, word in pairs for entry in entries if word in entry.words and entry.covers(method)}


def test_what_is_declared_was_shown(request: pytest.FixtureRequest) -> None:
    absent = witnesses() - {item.path for item in request.session.items}
    if absent:
        pytest.skip(f"judges whole runs; {len(absent)} files that show something are not in this one")
    missing = WANTED - SHOWN
    left = sorted(missing - excused(missing, list(left_out("declared"))))
    assert not left, f"shown by no test: {left}"


def test_what_is_left_out_has_a_reason_and_is_still_true() -> None:
    """What Slack documents and we leave out is not declared after all; what we declare and leave out is declared."""
    for entry in left_out("slack"):
        assert entry.reason and not excused(DECLARED, [entry]), entry
    for entry in left_out("declared"):
        assert entry.reason and {word for _, word in excused(DECLARED, [entry])} == set(entry.words), entry
