"""What every test may ask for."""

import os

import pytest
from hypothesis import settings

# The same examples in every run, so that nobody's change fails for what somebody else left; WAGGLE_TEST_EXPLORE=1 looks for new ones.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile("explore" if os.environ.get("WAGGLE_TEST_EXPLORE") else "same")

pytest_plugins = ["tests.harness.databases", "tests.harness.watchdog", "tests.harness.kubernetes", "tests.harness.shown"]


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """asyncio with its own loop: a failure is then ours and not the loop's."""
    return "asyncio", {"use_uvloop": False}
