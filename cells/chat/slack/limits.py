"""Who has called how often, by method, workspace and app (or user, where no app calls).

Each is a bucket kept as one number: the moment at which it is full again (the generic cell rate algorithm, ITU-T I.371).
Calls are judged in this process alone, in microseconds. Twice a second the processes of a cell tell one another through
Redis what was called meanwhile, so together they let through at most one more burst each; without Redis each counts for
itself.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prometheus_client import Counter

from cells.chat.domain.errors import DomainError
from cells.chat.domain.presence.sharing import Asking
from cells.chat.slack.tiers import Allowance
from chassis.background import in_background
from chassis.clock import Clock

BUCKETS_MAX = 50_000
SHARE_S = 0.5
SHARED_MAX = 1_000
ROUNDING_S = 1e-6
PLACE_LENGTH_MAX = 80
LIMITED = Counter("waggle_calls_limited", "Calls answered with ratelimited")

Key = tuple[str, str, str, str]
"""Method, workspace, app or user, and the place (a channel) or nothing."""


class RateLimited(DomainError):
    """Answered with HTTP 429 and Retry-After."""

    code = "ratelimited"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Pace:
    """An allowance in seconds: what one call costs, and how much may be owed."""

    cost_s: float
    owed_s_max: float


class Limits:
    """`times` is how many times the allowances of the tiers are given."""

    def __init__(self, clock: Clock, times: float, shared: Asking | None = None) -> None:
        self._clock, self._times, self._shared = clock, times, shared
        self._full_at_s: OrderedDict[Key, float] = OrderedDict()
        self._untold_s: dict[Key, float] = {}
        self._paces: dict[Allowance, Pace] = {}

    def take(self, key: Key, allowance: Allowance) -> None:
        """Count a call. Raises RateLimited for one too many, which is not counted."""
        pace = self._paces.get(allowance) or self._pace(allowance)
        now_s = self._clock.monotonic_s()
        full_at_s = max(self._full_at_s.get(key, 0.0), now_s) + pace.cost_s
        over_s = full_at_s - now_s - pace.owed_s_max
        if over_s > ROUNDING_S:
            LIMITED.inc()
            raise RateLimited(max(1, math.ceil(over_s)))
        self._keep(key, full_at_s)
        if self._shared is not None:
            self._untold_s[key] = self._untold_s.get(key, 0.0) + pace.cost_s

    async def share(self) -> None:
        """Tell what was called since the last time, and learn what others let through. Bounded by what `Asking` promises."""
        if self._shared is None or not self._untold_s:
            return
        told = [(key, self._untold_s.pop(key)) for key in list(self._untold_s)[:SHARED_MAX]]
        names = [f"limit:{':'.join(key)}" for key, _ in told]
        found = await self._shared.ask([("EVAL", ADD, len(names), *names, *(int(spent_s * 1e6) for _, spent_s in told))])
        owed_us = found[0] if found else None
        if isinstance(owed_us, list):
            now_s = self._clock.monotonic_s()
            for (key, _), us in zip(told, owed_us, strict=True):
                self._keep(key, now_s + us / 1e6 + self._untold_s.get(key, 0.0))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with in_background(self._sharing()):
            yield

    async def _sharing(self) -> None:
        while True:
            await asyncio.sleep(SHARE_S)
            await self.share()

    def _pace(self, allowance: Allowance) -> Pace:
        cost_s = 60 / (allowance.per_minute * self._times)
        pace = self._paces[allowance] = Pace(cost_s, max(1.0, allowance.burst * self._times) * cost_s)
        return pace

    def _keep(self, key: Key, full_at_s: float) -> None:
        self._full_at_s[key] = full_at_s
        self._full_at_s.move_to_end(key)
        if len(self._full_at_s) > BUCKETS_MAX:
            forgotten, _ = self._full_at_s.popitem(last=False)
            self._untold_s.pop(forgotten, None)


ADD = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local owed = {}
for place, key in ipairs(KEYS) do
  local full = math.max(tonumber(redis.call('GET', key) or '0'), now) + ARGV[place]
  redis.call('SET', key, string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1)
  owed[place] = full - now
end
return owed
"""
"""Adds what each bucket owes more, in microseconds, and answers with what it owes in all. A bucket that is full is forgotten."""
