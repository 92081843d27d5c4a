"""Connections to Redis whose tasks can be cancelled.

redis-py bounds each send by `asyncio.wait_for`, which up to Python 3.11 swallows a cancellation that comes in the step of the loop
in which the send ends (python/cpython#86296): the task goes on for ever and its process never stops. `asyncio.timeout` does not.
"""

import asyncio
from collections.abc import Iterable

from redis.asyncio import Connection, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import TimeoutError as RedisTimeoutError

CONNECT_TIMEOUT_S = 1.0
ANSWER_TIMEOUT_S = 2.0
CONNECTIONS_MAX = 16

Command = bytes | str | Iterable[bytes]


class Cancellable(Connection):
    """Bounds a send by itself; `socket_timeout` stays what bounds an answer."""

    async def send_packed_command(self, command: Command, check_health: bool = True) -> None:
        limit_s, self.socket_timeout = self.socket_timeout, None
        try:
            async with asyncio.timeout(limit_s):
                await super().send_packed_command(command, check_health)
        except TimeoutError as error:
            raise RedisTimeoutError(f"not sent within {limit_s:g} s") from error
        finally:
            self.socket_timeout = limit_s


def redis_at(url: str) -> Redis:
    """A client that tries once: at most 1 s to connect, 2 s for an answer, 16 connections."""
    pool = ConnectionPool.from_url(
        url,
        socket_timeout=ANSWER_TIMEOUT_S,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        max_connections=CONNECTIONS_MAX,
    )
    # Mixed in here, for the URL's scheme has chosen the class (plain, TLS or a socket file).
    pool.connection_class = type("Cancellable", (Cancellable, pool.connection_class), {})
    return Redis.from_pool(pool)
