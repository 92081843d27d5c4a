"""Keeps the view current: told by NOTIFY at once, and asks by itself in case nobody told."""

import asyncio
from dataclasses import dataclass, field

import structlog

from chassis.backoff import Backoff
from control_plane.registry import DATABASE_AWAY, Registry, listening
from control_plane.serving.view import DirectoryView

POLL_S = 1.0
RECONNECT = Backoff(first_s=0.1, limit_s=2.0)

log = structlog.get_logger("control_plane.directory")


@dataclass
class Follower:
    view: DirectoryView
    registry: Registry
    url: str
    poll_s: float = POLL_S
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    readings: int = 0
    """Begun so far."""
    _last_read: int = 0

    def wake(self) -> None:
        self._woken.set()

    async def refresh(self) -> None:
        """Read what the database has beyond the view."""
        self.readings += 1
        number = self.readings
        await self.view.take(await self.registry.directory.changes_since(self.view.version))
        self._last_read = max(self._last_read, number)

    async def catch_up(self) -> None:
        """Until the view holds what was committed before this call. Raises DATABASE_AWAY.

        Many who ask at once share a reading: one that began after they came, since one on its way may be too old.
        """
        wanted = self.readings + 1
        async with self._turn:
            if self._last_read < wanted:
                await self.refresh()

    async def run(self) -> None:
        """Until cancelled. While the database is away the view stays as it was, and is served."""
        failures = 0
        while True:
            try:
                async with listening(self.url, self.wake) as alive:
                    while alive():
                        await self._once()
                        failures = 0
            except DATABASE_AWAY as error:
                log.warning("database_away", error=repr(error), version=self.view.version)
            await self._refresh_unheard()
            await asyncio.sleep(RECONNECT.delay_s(failures))
            failures += 1

    async def _refresh_unheard(self) -> None:
        """Where nobody can listen (a connection pooler, no slot left) polling still finds each change."""
        try:
            await self.refresh()
        except DATABASE_AWAY as error:
            log.debug("refresh_failed", error=repr(error))

    async def _once(self) -> None:
        self._woken.clear()
        await self.refresh()
        try:
            async with asyncio.timeout(self.poll_s):
                await self._woken.wait()
        except TimeoutError:
            return
