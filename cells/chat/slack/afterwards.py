"""Work that goes on after the answer, so that how long it takes tells the caller nothing."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from cells.runtime.tenancy import NotExecuted

PENDING_MAX = 256
SETTLING_S_MAX = 5.0


class Afterwards:
    """At most 256 at once; what comes then is dropped, as if it had found nothing."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._log = structlog.get_logger("afterwards")

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        if len(self._tasks) >= PENDING_MAX:
            self._log.warning("dropped: too much is under way")
            work.close()
            return
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, NotExecuted):
            self._log.warning("not done", error=str(error))
        elif error is not None:
            self._log.error("failed", exc_info=error)

    async def settle(self) -> None:
        """Until nothing is under way, at most 5 s."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=SETTLING_S_MAX)
