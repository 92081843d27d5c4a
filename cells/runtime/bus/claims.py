"""Things that may be used once: the first to claim a name has it, across the cell's processes."""

import asyncio
from collections import OrderedDict

from redis.exceptions import RedisError

from cells.runtime.bus.bus import PREFIX, Bus
from chassis.clock import Clock

REMEMBERED_MAX = 65_536


class Claims:
    """With Redis away a name is unique in this process alone: a weaker promise, for at most the name's short life."""

    def __init__(self, bus: Bus | None, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._own: OrderedDict[str, float] = OrderedDict()

    async def claim(self, name: str, ttl_s: int) -> bool:
        """True for the first caller within `ttl_s`, False for every other."""
        if not self._claim_here(name, ttl_s):
            return False
        if self._bus is None or not self._bus.connected:
            return True
        try:
            async with asyncio.timeout(1.0):
                return bool(await self._bus.redis.set(f"claim:{PREFIX}{name}", b"1", nx=True, ex=ttl_s))
        except (RedisError, OSError, TimeoutError):
            return True

    def _claim_here(self, name: str, ttl_s: int) -> bool:
        now_s = self._clock.monotonic_s()
        if self._own.get(name, 0.0) > now_s:
            return False
        self._own[name] = now_s + ttl_s
        self._own.move_to_end(name)
        while len(self._own) > REMEMBERED_MAX:
            self._own.popitem(last=False)
        return True
