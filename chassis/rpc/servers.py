"""gRPC servers: nothing is done for a caller that does not show the cluster's credential."""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Never, TypeAlias

import grpc
from prometheus_client import Counter

from chassis.errors import SettingsError
from chassis.rpc.credentials import require_credential
from chassis.rpc.limits import MESSAGE_BYTES_MAX, server_options
from chassis.rpc.tls import Tls, server_credentials

OPEN_SERVICES = ("/grpc.health.v1.Health/",)
"""What probes may ask without a credential."""

CALLS_MAX = 4_096
UNAUTHENTICATED_CALLS = Counter("waggle_rpc_unauthenticated_total", "Calls refused because they showed no or a wrong credential.")

# In quotes: gRPC's classes take parameters in their stubs only.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Continuation: TypeAlias = Callable[[grpc.HandlerCallDetails], Awaitable["Handler"]]
Recognise: TypeAlias = Callable[[str, str], Awaitable[bool]]
"""(full method name, bearer token) -> whether to let it through; asked only for what is not the cluster's credential."""


def server(
    credential: str,
    *,
    message_bytes_max: int = MESSAGE_BYTES_MAX,
    calls_max: int = CALLS_MAX,
    interceptors: "Sequence[grpc.aio.ServerInterceptor[Any, Any]]" = (),
    recognise: Recognise | None = None,
) -> grpc.aio.Server:
    """A server that answers UNAUTHENTICATED without the credential and RESOURCE_EXHAUSTED beyond `calls_max` calls at once.

    `recognise` may let further credentials through, for the methods it chooses (an administrator's own token).

    Call it with the event loop running. Raises SettingsError for an empty or short credential.
    """
    guard = BearerGuard(require_credential(credential, "the cluster token"), recognise)
    return grpc.aio.server(
        interceptors=[guard, *interceptors],
        options=server_options(message_bytes_max),
        maximum_concurrent_rpcs=calls_max,
    )


def listen(server: grpc.aio.Server, address: str, tls: Tls | None = None) -> int:
    """Bind before start; returns the port (of `host:0`: the one it got). Raises SettingsError where that cannot be."""
    try:
        if tls is None or not tls.enabled:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, server_credentials(tls))
    except RuntimeError:
        raise SettingsError(f"cannot listen on {address!r}: it must be a free host:port of this machine") from None


class BearerGuard(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # its parameters exist in the stubs only
    """Lets a call through to its handler only with `authorization: Bearer <credential>`."""

    def __init__(self, credential: str, recognise: Recognise | None = None) -> None:
        self._expected = f"Bearer {credential}".encode()
        self._recognise = recognise

    async def intercept_service(self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails) -> Handler:
        if handler_call_details.method.startswith(OPEN_SERVICES) or await self._proves(handler_call_details):
            return await continuation(handler_call_details)
        UNAUTHENTICATED_CALLS.inc()
        return _REFUSAL

    async def _proves(self, details: grpc.HandlerCallDetails) -> bool:
        shown = dict(details.invocation_metadata or ()).get("authorization", "")
        text = shown.decode("ascii", "replace") if isinstance(shown, bytes) else shown
        if hmac.compare_digest(text.encode(), self._expected):
            return True
        return self._recognise is not None and text.startswith("Bearer ") and await self._recognise(details.method, text[len("Bearer ") :])


async def _refuse(_requests: object, context: "grpc.aio.ServicerContext[Any, Any]") -> Never:
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, "this call needs the cluster's credential")


# As a stream handler it answers at once, before a byte of any request has been read.
_REFUSAL: Handler = grpc.stream_stream_rpc_method_handler(_refuse)
