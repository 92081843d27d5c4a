"""The newest events of one followed workspace, and those who wait for more.

Filled by this process's commits and by the bus; whatever does not join on is passed over, for the log itself is read then.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

from cells.runtime.log.events import LoggedEvent

KEPT_MAX = 1024


class Feed:
    def __init__(self) -> None:
        self._recent: deque[LoggedEvent] = deque(maxlen=KEPT_MAX)
        self._news = asyncio.Event()
        self.followers = 0
        self.head = 0
        """The highest seq heard of; events up to it may have to be read from the log."""

    def offer(self, events: Sequence[LoggedEvent]) -> None:
        """Take events in order of seq, without gaps among them."""
        last = self._recent[-1].seq if self._recent else 0
        fresh = [event for event in events if event.seq > last]
        if not fresh:
            return
        if fresh[0].seq != last + 1:
            self._recent.clear()
        self._recent.extend(fresh)
        self.hear(fresh[-1].seq)

    def hear(self, head: int) -> None:
        """Somebody says that the log reaches `head`."""
        if head > self.head:
            self.head = head
            news, self._news = self._news, asyncio.Event()
            news.set()

    def after(self, seq: int) -> list[LoggedEvent]:
        """What follows `seq`, as far as it is held here; empty when the next one is not."""
        if not self._recent or not self._recent[0].seq <= seq + 1 <= self._recent[-1].seq:
            return []
        skipped = seq + 1 - self._recent[0].seq
        return [event for at, event in enumerate(self._recent) if at >= skipped]

    async def beyond(self, seq: int) -> None:
        """Return once the log is known to reach past `seq`."""
        while self.head <= seq:
            await self._news.wait()
