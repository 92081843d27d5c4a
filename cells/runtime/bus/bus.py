"""Redis as a bell: it tells the cell's other processes to look, and may bring what they would find. Never the only copy.

Every method works with Redis away; then nothing is heard, and readers find out by looking at the database.
"""

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from prometheus_client import Counter, Gauge
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from cells.runtime.bus.connections import ANSWER_TIMEOUT_S, redis_at
from chassis.background import in_background
from chassis.backoff import Backoff

PREFIX = "waggle:"
QUEUE_MAX = 8192
OFFERED_MAX = 1024
PIPELINE_MAX = 256
LISTEN_S = 5.0
_SENDER_BYTES = 8

BUS_CONNECTED = Gauge("waggle_bus_connected", "1 while this process hears Redis")
BUS_DROPPED = Counter("waggle_bus_dropped_total", "Wake-ups not sent: Redis was away or slow; readers poll")

Handler = Callable[[bytes], None]


class Bus:
    """One sender and one listener a process. Handlers are called on the loop; they must not block or raise."""

    def __init__(self, url: str, *, backoff: Backoff | None = None) -> None:
        self._redis = redis_at(url)
        self._backoff = backoff or Backoff(limit_s=2.0)
        self._sender = secrets.token_bytes(_SENDER_BYTES)
        self._handlers: dict[str, Handler] = {}
        self._waiting: deque[tuple[str, bytes]] = deque(maxlen=QUEUE_MAX)
        self._news = asyncio.Event()
        self._connected = asyncio.Event()
        self._log = structlog.get_logger("bus")

    @property
    def redis(self) -> Redis:
        """For ephemeral state (tickets, limits). Whoever uses it must do without when it raises RedisError."""
        return self._redis

    @property
    def connected(self) -> bool:
        return self._connected.is_set()

    async def until_connected(self) -> None:
        await self._connected.wait()

    def publish(self, topic: str, body: bytes) -> None:
        """Tell every other process of the cell that subscribed; never blocks. The oldest is dropped when 8,192 wait."""
        if len(self._waiting) == QUEUE_MAX:
            BUS_DROPPED.inc()
        self._waiting.append((topic, body))
        self._news.set()

    def offer(self, topic: str, body: bytes) -> None:
        """As `publish`, for what is worth nothing later: dropped while Redis is away or 1,024 wake-ups wait."""
        if not self.connected or len(self._waiting) >= OFFERED_MAX:
            BUS_DROPPED.inc()
            return
        self.publish(topic, body)

    def subscribe(self, topic: str, handler: Handler) -> None:
        """One handler a topic. It does not hear what this process publishes."""
        self._handlers[topic] = handler

    def unsubscribe(self, topic: str) -> None:
        self._handlers.pop(topic, None)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        try:
            async with in_background(self._keep(self._listen), self._keep(self._send)):
                yield
        finally:
            BUS_CONNECTED.set(0)
            with contextlib.suppress(RedisError, OSError):
                await self._redis.aclose()

    async def _keep(self, work: Callable[[], object]) -> None:
        """Run `work` again whenever Redis fails it, with growing waits; `_attempt` is reset by what goes well."""
        attempt = 0
        while True:
            started_s = asyncio.get_running_loop().time()
            try:
                await work()  # type: ignore[misc]
            except (RedisError, OSError, TimeoutError) as error:
                if attempt == 0:
                    self._log.warning("redis is away; readers poll", error=str(error))
            attempt = 0 if asyncio.get_running_loop().time() - started_s > LISTEN_S else attempt + 1
            await asyncio.sleep(self._backoff.delay_s(attempt))

    async def _listen(self) -> None:
        pubsub = self._redis.pubsub(ignore_subscribe_messages=True)
        try:
            await pubsub.psubscribe(f"{PREFIX}*")
            self._connected.set()
            BUS_CONNECTED.set(1)
            while True:
                await self._hear(pubsub)
        finally:
            self._connected.clear()
            BUS_CONNECTED.set(0)
            await asyncio.shield(_close(pubsub))

    async def _hear(self, pubsub: PubSub) -> None:
        message = await pubsub.get_message(timeout=LISTEN_S)
        if message is None:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self._redis.ping()
            return
        handler = self._handlers.get(message["channel"].decode().removeprefix(PREFIX))
        data: bytes = message["data"]
        if handler is not None and data[:_SENDER_BYTES] != self._sender:
            handler(data[_SENDER_BYTES:])

    async def _send(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                await self._send_some()

    async def _send_some(self) -> None:
        taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), PIPELINE_MAX))]
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for topic, body in taken:
                    pipeline.publish(f"{PREFIX}{topic}", self._sender + body)
                await pipeline.execute()
        except (RedisError, OSError):
            BUS_DROPPED.inc(len(taken) + len(self._waiting))
            self._waiting.clear()
            raise


async def _close(pubsub: PubSub) -> None:
    with contextlib.suppress(RedisError, OSError):
        await pubsub.aclose()  # type: ignore[no-untyped-call]
