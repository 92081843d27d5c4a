"""gRPC channels that show the cluster's credential on every call.

A wrapper and not a client interceptor: an interceptor puts a queue and two tasks in front of every message
that is written to a stream, and the tunnel's whole traffic is one stream.
"""

from collections.abc import Callable
from typing import Any

import grpc

from chassis.rpc.certificates import Certificates
from chassis.rpc.credentials import require_credential
from chassis.rpc.limits import MESSAGE_BYTES_MAX, channel_options
from chassis.rpc.renewing import RenewingChannel
from chassis.rpc.tls import Tls, channel_credentials


def channel(address: str, credential: str, tls: Tls | None = None, *, message_bytes_max: int = MESSAGE_BYTES_MAX) -> grpc.aio.Channel:
    """A channel to `host:port`; connects at its first call. Call it with the event loop running; close it with `await close(None)`.

    Raises SettingsError for certificates that cannot be used.
    """
    bearer = ("authorization", f"Bearer {require_credential(credential, 'the cluster token')}")
    options = channel_options(message_bytes_max)
    if tls is None or not tls.enabled:
        return BearerChannel(grpc.aio.insecure_channel(address, options), bearer)
    with_name = [*options, *tls.options]
    secure = RenewingChannel(Certificates(tls), lambda pems: grpc.aio.secure_channel(address, channel_credentials(pems), with_name))
    return BearerChannel(secure, bearer)


class BearerChannel(grpc.aio.Channel):
    """`inner` with one header added to each call."""

    def __init__(self, inner: grpc.aio.Channel, bearer: tuple[str, str]) -> None:
        self._inner = inner
        self._bearer = bearer

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        return self._with_bearer(self._inner.unary_unary(*args, **kwargs))

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        return self._with_bearer(self._inner.unary_stream(*args, **kwargs))

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        return self._with_bearer(self._inner.stream_unary(*args, **kwargs))

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        return self._with_bearer(self._inner.stream_stream(*args, **kwargs))

    def _with_bearer(self, start: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, metadata: Any = None, **kwargs: Any) -> Any:
            return start(*args, metadata=(*(metadata or ()), self._bearer), **kwargs)

        return call

    async def close(self, grace: float | None = None) -> None:
        await self._inner.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._inner.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._inner.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._inner.channel_ready()

    async def __aenter__(self) -> "BearerChannel":
        return self

    async def __aexit__(self, *_why: object) -> None:
        await self._inner.close(None)
