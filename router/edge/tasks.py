"""What Hypercorn keeps for a connection and its app, in less memory: asyncio's queues and events hold six deques, 4 KB, for each socket."""

import asyncio
from typing import Any

from hypercorn.asyncio.task_group import TaskGroup as HypercornTaskGroup
from hypercorn.asyncio.task_group import _handle as run_app
from hypercorn.asyncio.worker_context import WorkerContext as HypercornContext


class Bell:
    """Wakes everyone who waits. Used from one event loop."""

    __slots__ = ("_waiters",)

    def __init__(self) -> None:
        self._waiters: list[asyncio.Future[None]] = []

    async def heard(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    def ring(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class Signal:
    """`hypercorn.typing.Event`."""

    __slots__ = ("_bell", "_on")

    def __init__(self) -> None:
        self._bell = Bell()
        self._on = False

    async def clear(self) -> None:
        self._on = False

    async def set(self) -> None:
        self._on = True
        self._bell.ring()

    async def wait(self) -> None:
        while not self._on:
            await self._bell.heard()

    def is_set(self) -> bool:
        return self._on


class Inbox:
    """What the server has for its app, in order; `put` waits while `items_max` are there."""

    __slots__ = ("_bell", "_items", "_items_max")

    def __init__(self, items_max: int) -> None:
        self._bell = Bell()
        self._items: list[Any] = []
        self._items_max = items_max

    async def put(self, item: Any) -> None:
        while len(self._items) >= self._items_max:
            await self._bell.heard()
        self._items.append(item)
        self._bell.ring()

    async def get(self) -> Any:
        while not self._items:
            await self._bell.heard()
        item = self._items.pop(0)
        self._bell.ring()
        return item


class TaskGroup(HypercornTaskGroup):
    async def spawn_app(self, app: Any, config: Any, scope: Any, send: Any) -> Any:
        inbox = Inbox(config.max_app_queue_size)
        self.spawn(run_app, app, config, scope, inbox.get, send, None, None)
        return inbox.put


class WorkerContext(HypercornContext):
    event_class = Signal
