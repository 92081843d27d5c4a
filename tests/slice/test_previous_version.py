"""Expand, then contract: the version before works on with the tables as they are now, for while a rollout lasts both do.

Its own tests say so, over databases made by today's migrations. A migration that it cannot live with (a column renamed, dropped, or
newly demanded) must wait until no cell runs that version any more.
"""

from pathlib import Path

import pytest

from tests.harness.previous import NoHistory, Previous, previous_version, run_tests, unpack

pytestmark = pytest.mark.lasts(400)

CHOSEN = (
    "tests/slice/test_chat_messages.py",
    "tests/slice/test_chat_methods.py",
    "tests/slice/test_fence.py",
    "tests/slice/test_files.py",
    "tests/slice/test_people.py",
)
QUICK = "every_version or sent_once or who_is_who or shared_once or in_flight_and or (test_family and (reactions or users))"
"""Of them, those that see many tables in little time."""
BREAKING = "ALTER TABLE messages RENAME COLUMN text TO body"


@pytest.fixture(scope="module")
def previous() -> Previous:
    try:
        return previous_version()
    except NoHistory as reason:
        pytest.skip(f"the version before is not tested: {reason}")


def test_the_version_before_works_with_the_tables_of_today(previous: Previous, tmp_path: Path) -> None:
    unpack(previous, tmp_path)
    ran = run_tests(tmp_path, CHOSEN, QUICK)
    verdict = f"{previous.commit[:10]}, the version before {previous.before}, fails over the tables of today"
    assert ran.returncode == 0, f"{verdict}:\n{ran.stdout[-4000:]}"


def test_a_migration_that_breaks_the_version_before_is_found(previous: Previous, tmp_path: Path) -> None:
    unpack(previous, tmp_path, BREAKING)
    ran = run_tests(tmp_path, CHOSEN[:1], QUICK)
    assert ran.returncode == 1 and 'column "text"' in ran.stdout, ran.stdout[-4000:]
