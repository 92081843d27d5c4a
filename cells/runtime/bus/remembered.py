"""Answers kept for a little while in Redis. May be lost at any time: whoever asks can always make the answer again."""

import asyncio

from redis.exceptions import RedisError

from cells.runtime.bus.bus import PREFIX, Bus

ANSWER_TIMEOUT_S = 0.1
"""Longer than making most answers again takes; a Redis that hangs costs no more than this."""
VALUE_BYTES_MAX = 1 << 20


class Remembered:
    """Values by key. The key must say all that the value depends on (the place in the log, most often): nothing is ever taken back."""

    def __init__(self, bus: Bus | None) -> None:
        self._bus = bus

    async def get(self, key: str) -> bytes | None:
        """None too with Redis away or slow."""
        if self._bus is None or not self._bus.connected:
            return None
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                found = await self._bus.redis.get(f"kept:{PREFIX}{key}")
                return found if isinstance(found, bytes) else None
        except (RedisError, OSError, TimeoutError):
            return None

    async def keep(self, key: str, value: bytes, ttl_s: int) -> None:
        """For `ttl_s`, or less, or not at all: over 1 MiB, or with Redis away."""
        if self._bus is None or not self._bus.connected or len(value) > VALUE_BYTES_MAX:
            return
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self._bus.redis.set(f"kept:{PREFIX}{key}", value, ex=ttl_s)
        except (RedisError, OSError, TimeoutError):
            return
