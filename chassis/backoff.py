"""Waits between tries: exponential with full jitter, so that many callers do not come back at once.

Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
"""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    first_s: float = 0.05
    factor: float = 2.0
    limit_s: float = 5.0

    def delay_s(self, attempt: int) -> float:
        """How long to wait before try number `attempt` (0 is the first retry); random in [half, whole] of the step."""
        step = min(self.limit_s, self.first_s * self.factor ** min(attempt, 62))
        return step * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
