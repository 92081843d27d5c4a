"""Every method, and every error word that a method declares, was answered by real chat; what is left is explained.

Judges the run before it (`make test` runs everything else first, in several processes): what that kept in the folder of `--shown`.
"""

from pathlib import Path

import pytest

from cells.chat.slack.methods import all_methods
from tests.contract.left_out import LeftOut, left_out
from tests.harness.shown import OK, kept

TESTS = Path(__file__).parents[1]
WITNESS = "\nfrom tests.harness.chat import"
DECLARED = {(method.name, error.code) for method in all_methods().values() for error in method.errors}
WANTED = DECLARED | {(name, OK) for name in all_methods()}


def witnesses() -> set[str]:
    """The files whose tests are seen by the harness."""
    return {str(path.relative_to(TESTS)) for path in TESTS.rglob("test_*.py") if WITNESS in path.read_text()}


def excused(pairs: set[tuple[str, str]], entries: list[LeftOut]) -> set[tuple[str, str]]:
    return {(method, word) for method, word in pairs for entry in entries if word in entry.words and entry.covers(method)}


def test_what_is_declared_was_shown(request: pytest.FixtureRequest) -> None:
    folder: Path | None = request.config.getoption("--shown")
    if folder is None:
        pytest.skip("judges what a run kept in the folder of --shown, as `make test` does")
    shown = kept(folder)
    assert witnesses() <= shown.files, f"files that show something did not run: {sorted(witnesses() - shown.files)}"
    missing = WANTED - shown.pairs
    left = sorted(missing - excused(missing, list(left_out("declared"))))
    assert not left, f"shown by no test: {left}"


def test_what_is_left_out_has_a_reason_and_is_still_true() -> None:
    """What Slack documents and we leave out is not declared after all; what we declare and leave out is declared."""
    for entry in left_out("slack"):
        assert entry.reason and not excused(DECLARED, [entry]), entry
    for entry in left_out("declared"):
        assert entry.reason and {word for _, word in excused(DECLARED, [entry])} == set(entry.words), entry
