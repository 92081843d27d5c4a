"""A test that hangs fails, with the stack of every thread and every task, and the run goes on."""

import asyncio
import faulthandler
import signal
import sys
from collections.abc import Iterator

import pytest

TEST_S_MAX = 180.0
"""For one test with its fixtures' set-up and tear-down; one marked `lasts` says its own.
`faulthandler_timeout` in pyproject.toml ends what outlives even this."""
AGAIN_S = 10.0
"""The exception may land in a task that keeps it to itself: raise it again until the test ends."""


class Hung(Exception):
    """Not a BaseException of pytest's: a test's own clean-up must run."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    def on_alarm(_signal: int, _frame: object) -> None:
        dump(item.nodeid)
        raise Hung(f"{item.nodeid} did not end within {limit_s:g} s")

    lasts = item.get_closest_marker("lasts")
    limit_s = TEST_S_MAX if lasts is None else float(lasts.args[0])
    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, limit_s, AGAIN_S)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def dump(test: str) -> None:
    """To the real stderr, past the capture, so that it is seen even if the run then dies."""
    sys.__stderr__.write(f"\n{test} hangs\n")  # type: ignore[union-attr]
    faulthandler.dump_traceback(file=sys.__stderr__, all_threads=True)  # type: ignore[arg-type]
    for task in _tasks():
        task.print_stack(file=sys.__stderr__)


def _tasks() -> set["asyncio.Task[object]"]:
    try:
        return asyncio.all_tasks()
    except RuntimeError:  # no loop runs: the stacks of the threads have said it all
        return set()
