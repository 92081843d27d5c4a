"""Small facts that the processes of a cell share and may lose, in Redis; asked for within a bound, or done without."""

import asyncio
from collections.abc import Sequence
from typing import Any

from prometheus_client import Counter
from redis.exceptions import RedisError

from cells.runtime.bus.bus import Bus
from chassis.breaker import Breaker
from chassis.clock import Clock

ANSWER_S_MAX = 0.25
FAILURES_MAX = 2
OPEN_S = 1.0
COMMANDS_MAX = 2048

Command = Sequence[str | int | bytes]

UNANSWERED = Counter("waggle_shared_unanswered_total", "Times the shared facts were done without: Redis was away or slow")


class Shared:
    def __init__(self, bus: Bus | None, clock: Clock) -> None:
        self._bus = bus
        self._breaker = Breaker(clock, failures_max=FAILURES_MAX, open_s=OPEN_S)

    async def ask(self, commands: Sequence[Command]) -> list[Any] | None:
        """The answers in order; None after at most 0.25 s where Redis is away, hangs or refuses. At most 2,048 commands."""
        if len(commands) > COMMANDS_MAX:
            raise ValueError(f"{len(commands)} commands are more than one round trip takes ({COMMANDS_MAX})")
        if self._bus is None or not self._bus.connected or not self._breaker.allow():
            return None
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                answers = await _run(self._bus, commands)
        except (RedisError, OSError, TimeoutError):
            self._breaker.on_failure()
            UNANSWERED.inc()
            return None
        self._breaker.on_success()
        return answers


async def _run(bus: Bus, commands: Sequence[Command]) -> list[Any]:
    async with bus.redis.pipeline(transaction=False) as pipeline:
        for command in commands:
            pipeline.execute_command(*command)
        return await pipeline.execute()
