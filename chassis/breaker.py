"""A circuit breaker: after enough failures in a row, stop asking for a while, then let one call try.

Source: Michael Nygard, "Release It!", 2007, chapter 5.
"""

import enum

from chassis.clock import Clock


class BreakerState(enum.Enum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Ask `allow()` before a call and say `on_success()` or `on_failure()` after it. Used from one event loop.

    A call that was allowed and reports nothing (cancelled) holds the half-open place for `open_s` at most.
    """

    def __init__(self, clock: Clock, failures_max: int = 5, open_s: float = 1.0) -> None:
        self._clock = clock
        self._failures_max = failures_max
        self._open_s = open_s
        self._failures = 0
        self._next_trial_s: float | None = None  # None: closed
        self._trying = False

    @property
    def state(self) -> BreakerState:
        if self._next_trial_s is None:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if self._trying else BreakerState.OPEN

    @property
    def retry_after_s(self) -> float:
        """How long until `allow()` may say yes again; 0 when it may now."""
        return 0.0 if self._next_trial_s is None else max(0.0, self._next_trial_s - self._clock.monotonic_s())

    def allow(self) -> bool:
        if self._next_trial_s is None:
            return True
        if self._clock.monotonic_s() < self._next_trial_s:
            return False
        self._trying = True
        self._next_trial_s = self._clock.monotonic_s() + self._open_s
        return True

    def on_success(self) -> None:
        """While open, the late answer of a call from before proves nothing; only a trial's answer closes."""
        if self.state is not BreakerState.OPEN:
            self._failures, self._next_trial_s, self._trying = 0, None, False

    def on_failure(self) -> None:
        self._failures += 1
        if self._trying or (self._next_trial_s is None and self._failures >= self._failures_max):
            self._next_trial_s, self._trying = self._clock.monotonic_s() + self._open_s, False
