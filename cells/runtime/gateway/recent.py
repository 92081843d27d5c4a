"""The last events of a workspace in memory, so that many sessions opening at once read the log once."""

from collections import deque
from collections.abc import Sequence
from itertools import islice

from cells.runtime.log import LoggedEvent


class RecentEvents:
    """A run of events without gaps that ends at the newest; bounded by number and bytes of payload."""

    def __init__(self, after_seq: int, events_max: int, bytes_max: int) -> None:
        self._floor = after_seq
        self._events: deque[LoggedEvent] = deque()
        self._bytes, self._events_max, self._bytes_max = 0, events_max, bytes_max

    def append(self, event: LoggedEvent) -> None:
        self._events.append(event)
        self._bytes += len(event.payload)
        while len(self._events) > self._events_max or self._bytes > self._bytes_max:
            oldest = self._events.popleft()
            self._floor, self._bytes = oldest.seq, self._bytes - len(oldest.payload)

    def recall(self, events: Sequence[LoggedEvent]) -> None:
        """Remember older ones, as far as they reach up to what is remembered already and there is room."""
        for event in reversed(events):
            if event.seq != self._floor:
                continue
            if len(self._events) >= self._events_max or self._bytes + len(event.payload) > self._bytes_max:
                return
            self._events.appendleft(event)
            self._floor, self._bytes = event.seq - 1, self._bytes + len(event.payload)

    def after(self, seq: int) -> list[LoggedEvent] | None:
        """Every event past `seq`; None when that reaches further back than is remembered."""
        return list(islice(self._events, seq - self._floor, None)) if seq >= self._floor else None
