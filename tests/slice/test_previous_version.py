"""Expand, then contract: the version before works on with the tables as they are now, for while a rollout lasts both do.

Its own tests say so, over databases made by today's migrations. A migration that it cannot live with (a column renamed, dropped, or
newly demanded) must wait until no cell runs that version any more.
"""

from pathlib import Path

import pytest

from tests.harness.previous import NoHistory, Previous, previous_version, run_tests, unpack

pytestmark = pytest.mark.lasts(400)

MESSAGES = "tests/slice/test_chat_messages.py"
CHOSEN = (MESSAGES, "tests/slice/test_fence.py", "tests/slice/test_chat_wire.py")
"""They write and read what most requests do, and are quick."""
LONG = (f"{MESSAGES}::test_pages_are_a_list_s", f"{MESSAGES}::test_counts_are_right_under_100_togglers")
"""Of them, those that take longest and see no other table."""
BREAKING = "ALTER TABLE messages RENAME COLUMN text TO body"


@pytest.fixture(scope="module")
def previous() -> Previous:
    try:
        return previous_version()
    except NoHistory as reason:
        pytest.skip(f"the version before is not tested: {reason}")


def test_the_version_before_works_with_the_tables_of_today(previous: Previous, tmp_path: Path) -> None:
    unpack(previous, tmp_path)
    ran = run_tests(tmp_path, CHOSEN, without=LONG)
    verdict = f"{previous.commit[:10]}, the version before {previous.before}, fails over the tables of today"
    assert ran.returncode == 0, f"{verdict}:\n{ran.stdout[-4000:]}"


def test_a_migration_that_breaks_the_version_before_is_found(previous: Previous, tmp_path: Path) -> None:
    unpack(previous, tmp_path, BREAKING)
    ran = run_tests(tmp_path, (MESSAGES,), without=LONG)
    assert ran.returncode == 1 and 'column "text"' in ran.stdout, ran.stdout[-4000:]
