"""Few searches at once: where all processors are taken, one that waits for its turn ends sooner than one that shares with all others."""

import asyncio
import collections
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

from prometheus_client import Counter

from cells.chat.domain.abuse.errors import SlowDown
from chassis.identity import WorkspaceId

AT_ONCE_MIN = 2
WAITING_MAX, WAITING_OF_ONE_MAX = 64, 32
"""Searches that wait; and of one workspace, so that none keeps all others out."""
WAIT_S_MAX = 5.0
RETRY_AFTER_S = 2
TURNED_AWAY = Counter("waggle_search_turned_away_total", "Searches answered with ratelimited because too many waited")


class Turns:
    """A process's: `at_once` have their turn (0: as many as there are processors), others wait, first come first served."""

    def __init__(self, at_once: int = 0) -> None:
        self._free = asyncio.Semaphore(at_once or max(AT_ONCE_MIN, os.cpu_count() or 1))
        self._waiting: collections.Counter[WorkspaceId] = collections.Counter()

    @asynccontextmanager
    async def turn(self, workspace_id: WorkspaceId) -> AsyncIterator[None]:
        """Raises SlowDown where too many wait, or after WAIT_S_MAX."""
        if self._waiting.total() >= WAITING_MAX or self._waiting[workspace_id] >= WAITING_OF_ONE_MAX:
            self._turn_away()
        self._waiting[workspace_id] += 1
        try:
            async with asyncio.timeout(WAIT_S_MAX):
                await self._free.acquire()
        except TimeoutError:
            self._turn_away()
        finally:
            self._waiting -= collections.Counter((workspace_id,))  # forgets whoever has none left
        try:
            yield
        finally:
            self._free.release()

    def _turn_away(self) -> NoReturn:
        TURNED_AWAY.inc()
        raise SlowDown(RETRY_AFTER_S)
