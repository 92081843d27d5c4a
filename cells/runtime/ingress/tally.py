"""What became of a process's requests, for its heartbeats: counted as they end, taken and begun anew at each heartbeat."""

import time
from bisect import bisect_right
from dataclasses import dataclass

STEP = 1.1
"""Each bucket's upper edge by its lower one: a percentile is within 5 % of the truth."""
FIRST_S = 0.0002
BUCKETS = 128
"""To 36 s; what took longer counts as the last."""
EDGES_S = tuple(FIRST_S * STEP**at for at in range(BUCKETS - 1))


@dataclass(frozen=True, slots=True)
class Interval:
    """Of the requests that ended in `length_s`; the percentiles are of those that ran and came whole, 0 where none did."""

    length_s: float
    requests: int
    errors: int
    """Answered 5xx, or refused for overload; `requests` holds them too."""
    p50_ms: float
    p99_ms: float


class Tally:
    """For one event loop. `note` takes 0.3 us (bench/neighbours.py); a request takes 10,000 times that."""

    __slots__ = ("_began_s", "_buckets", "_errors", "_requests")

    def __init__(self) -> None:
        self._clear()

    def note(self, took_s: float, failed: bool) -> None:
        """A request that ran."""
        self._buckets[bisect_right(EDGES_S, took_s)] += 1
        self.count(failed)

    def count(self, failed: bool) -> None:
        """A request whose time says nothing of this process: refused for overload, or carried at its client's pace."""
        self._requests += 1
        if failed:
            self._errors += 1

    def take(self) -> Interval:
        """What was noted since the last call."""
        length_s = time.monotonic() - self._began_s
        taken = Interval(length_s, self._requests, self._errors, self._percentile_ms(0.50), self._percentile_ms(0.99))
        self._clear()
        return taken

    def _percentile_ms(self, share: float) -> float:
        wanted, seen = share * sum(self._buckets), 0
        for at, count in enumerate(self._buckets):
            seen += count
            if count and seen >= wanted:
                return float(FIRST_S * STEP ** (at - 0.5) * 1000)  # the middle of the bucket, by ratio
        return 0.0

    def _clear(self) -> None:
        self._buckets = [0] * BUCKETS
        self._requests = self._errors = 0
        self._began_s = time.monotonic()
