"""From `__main__` to the exit code."""

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import structlog
import uvloop

from chassis.errors import SettingsError
from chassis.process.lifecycle import Lifecycle
from chassis.telemetry import configure_logging

Main = Callable[[Lifecycle], Awaitable[None]]

EXIT_FAILED, EXIT_SETTINGS = 1, 2
COLLECT_AFTER = (10_000, 20, 50)
"""New objects before the young are collected, such collections before the middle-aged are, and so on. Python's 700, 10, 10 cost a
router 7 % of its CPU: a request leaves no cycles behind, so what is looked at is alive."""


def run(main: Main, drain_s: float = 30.0) -> NoReturn:
    """Run `main` to its end and leave the process: 0 after a clean stop, 2 for bad settings (one line on stderr), 1 otherwise.

    SIGTERM and SIGINT set `lifecycle.stopping`; a second one, or `drain_s` seconds later, cancels `main` (exit 1).
    """
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_live(main, drain_s))
    except SettingsError as wrong:
        sys.exit(_refused(wrong))
    except asyncio.CancelledError:
        _log().error("stopped before its work was done", drain_s=drain_s)
        sys.exit(EXIT_FAILED)
    except Exception:  # noqa: BLE001 - the last frame there is: whatever went wrong is written down and becomes the exit code
        _log().exception("process failed")
        sys.exit(EXIT_FAILED)
    sys.exit(0)


def _log() -> Any:
    """Whatever `main` configured; where it never got so far, lines go to stderr all the same."""
    if not structlog.is_configured():
        configure_logging("waggle")
    return structlog.get_logger(__name__)


def _refused(wrong: SettingsError) -> int:
    sys.stderr.write(" ".join(f"{wrong}".split()) + "\n")
    return EXIT_SETTINGS


async def _live(main: Main, drain_s: float) -> None:
    lifecycle = Lifecycle(drain_s, on_ready=_settle_memory)
    work = asyncio.ensure_future(main(lifecycle))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _on_signal, lifecycle, work, number)
    try:
        await work
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _settle_memory() -> None:
    """What a process was started with stays: no collection need look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def _on_signal(lifecycle: Lifecycle, work: "asyncio.Future[None]", number: signal.Signals) -> None:
    if lifecycle.stopping.is_set():
        work.cancel()
        return
    _log().info("stopping", signal=number.name)
    lifecycle.stop()
    asyncio.get_running_loop().call_later(lifecycle.drain_s, work.cancel)
