"""Time comes from a Clock that a test can move."""

import time
from typing import Protocol


class Clock(Protocol):
    def now_us(self) -> int:
        """Wall clock in microseconds since 1970, UTC."""

    def monotonic_s(self) -> float:
        """Seconds that never go back; for deadlines and intervals."""


class SystemClock:
    def now_us(self) -> int:
        return time.time_ns() // 1000

    def monotonic_s(self) -> float:
        return time.monotonic()
