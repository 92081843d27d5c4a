"""What every test may ask for."""

import pytest

pytest_plugins = ["tests.harness.databases", "tests.harness.watchdog"]


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """asyncio with its own loop: a failure is then ours and not the loop's."""
    return "asyncio", {"use_uvloop": False}
