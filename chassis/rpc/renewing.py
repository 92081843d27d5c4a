"""A channel that shows the newest certificate: gRPC's own keeps for life what it was made with, and would redial with an expired one."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc

from chassis.rpc.certificates import Certificates, Pems

EARLIER_MAX = 4
"""Channels of certificates before this one, whose calls may go on. A tunnel may outlive its certificate."""

Dial = Callable[[Pems], grpc.aio.Channel]


class RenewingChannel(grpc.aio.Channel):
    """Calls begin on a channel made with the certificates as they are; those that run stay where they began."""

    def __init__(self, certificates: Certificates, dial: Dial) -> None:
        self._certificates = certificates
        self._dial = dial
        self._live = dial(certificates.pems)
        self._earlier: list[grpc.aio.Channel] = []
        self._closing: set[asyncio.Task[None]] = set()

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        return self._started(lambda live: live.unary_unary(*args, **kwargs))

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        return self._started(lambda live: live.unary_stream(*args, **kwargs))

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        return self._started(lambda live: live.stream_unary(*args, **kwargs))

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        return self._started(lambda live: live.stream_stream(*args, **kwargs))

    def _started(self, make: Callable[[grpc.aio.Channel], Callable[..., Any]]) -> Callable[..., Any]:
        made_on, made = self._live, make(self._live)

        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal made_on, made
            live = self._current()
            if live is not made_on:
                made_on, made = live, make(live)
            return made(*args, **kwargs)

        return call

    def _current(self) -> grpc.aio.Channel:
        pems = self._certificates.renewed()
        if pems is not None:
            self._earlier.append(self._live)
            self._live = self._dial(pems)
            if len(self._earlier) > EARLIER_MAX:
                closing = asyncio.ensure_future(self._earlier.pop(0).close(None))
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)
        return self._live

    async def close(self, grace: float | None = None) -> None:
        await asyncio.gather(*(channel.close(grace) for channel in (*self._earlier, self._live)), *self._closing)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._live.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._live.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._live.channel_ready()

    async def __aenter__(self) -> "RenewingChannel":
        return self

    async def __aexit__(self, *_why: object) -> None:
        await self.close(None)
