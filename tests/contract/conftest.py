"""The test that subtracts what was shown comes after all that show."""

import pytest

LAST = "test_what_is_declared_was_shown"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.name == LAST)
