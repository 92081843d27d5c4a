"""Wait for a fact instead of a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(fact: Callable[[], Awaitable[T]], within_s: float = ..., every_s: float = ...) -> T: ...


@overload
async def eventually(fact: Callable[[], T], within_s: float = ..., every_s: float = ...) -> T: ...


async def eventually(fact: Callable[[], T | Awaitable[T]], within_s: float = 20.0, every_s: float = 0.05) -> T:
    """The first true value of `fact`; an exception from it counts as not yet. Past `within_s` the last reason is raised."""
    deadline_s = time.monotonic() + within_s
    while True:
        reason: Exception | None = None
        try:
            found = fact()
            value = await found if isinstance(found, Awaitable) else found
            if value:
                return value
        except Exception as error:  # noqa: BLE001 - what is not true yet may fail in any way; the last reason is shown
            reason = error
        if time.monotonic() > deadline_s:
            raise AssertionError(f"not true within {within_s} s: {reason or value!r}") from reason
        await asyncio.sleep(every_s)
