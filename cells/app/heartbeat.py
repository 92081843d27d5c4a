"""Tells the control plane that this process lives and how busy it is. The cell works the same when nobody listens."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import grpc
import structlog

from chassis.background import in_background
from chassis.backoff import Backoff
from protos.directory.v1 import directory_pb2, directory_pb2_grpc

INTERVAL_S = 2.0
INTERVAL_S_MAX = 30.0
ANSWER_S_MAX = 2.0
AGAIN_S_MAX = 2.0
"""A control plane that was away is heard of as soon as it would be otherwise; it gets no more calls by it than ever."""

Compose = Callable[[bool], Awaitable[directory_pb2.HeartbeatRequest]]
"""The next heartbeat; True: this process is leaving."""


class Heartbeat:
    def __init__(self, channel: grpc.aio.Channel, compose: Compose) -> None:
        self._registration = directory_pb2_grpc.RegistrationStub(channel)
        self._compose = compose
        self._backoff = Backoff(first_s=0.25, limit_s=AGAIN_S_MAX)
        self._heard, self._leaving = True, False
        self._woken = asyncio.Event()
        self._log = structlog.get_logger("heartbeat")

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        async with in_background(self._beat_on()):
            yield

    def soon(self) -> None:
        """Something changed that the control plane waits for: the next one leaves at once."""
        self._woken.set()

    async def leave(self) -> None:
        """Say that this process takes nothing new; tried once, for at most 2 s. Later heartbeats say so too."""
        self._leaving = True
        await self._beat()

    async def _beat_on(self) -> None:
        attempt = 0
        while True:
            self._woken.clear()
            interval_s = await self._beat()
            attempt = 0 if interval_s else attempt + 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(interval_s or self._backoff.delay_s(attempt)):
                    await self._woken.wait()

    async def _beat(self) -> float:
        """Seconds until the next one is wanted; 0 when nobody heard this one."""
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                reply = await self._registration.Heartbeat(await self._compose(self._leaving))
        except (grpc.RpcError, TimeoutError, OSError) as error:
            self._note(heard=False, reason=error.details() if isinstance(error, grpc.aio.AioRpcError) else repr(error))
            return 0.0
        self._note(heard=True)
        return min(reply.interval_ms / 1000 or INTERVAL_S, INTERVAL_S_MAX)

    def _note(self, *, heard: bool, reason: str | None = None) -> None:
        if heard != self._heard:
            self._heard = heard
            if heard:
                self._log.info("the control plane hears this process again")
            else:
                self._log.warning("the control plane does not hear this process; work goes on", reason=reason)
