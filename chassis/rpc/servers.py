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


def server(
    credential: str,
    *,
    message_bytes_max: int = MESSAGE_BYTES_MAX,
    calls_max: int = CALLS_MAX,
    interceptors: "Sequence[grpc.aio.ServerInterceptor[Any, Any]]" = (),
) -> grpc.aio.Server:
    """A server that answers UNAUTHENTICATED without the credential and RESOURCE_EXHAUSTED beyond `calls_max` calls at once.

    Call it with the event loop running. Raises SettingsError for an empty or short credential.
    """
    guard = BearerGuard(require_credential(credential, "the cluster token"))
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

    def __init__(self, credential: str) -> None:
        self._expected = f"Bearer {credential}".encode()

    async def intercept_service(self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails) -> Handler:
        if handler_call_details.method.startswith(OPEN_SERVICES) or self._proves(handler_call_details):
            return await continuation(handler_call_details)
        UNAUTHENTICATED_CALLS.inc()
        return _REFUSAL

    def _proves(self, details: grpc.HandlerCallDetails) -> bool:
        shown = dict(details.invocation_metadata or ()).get("authorization", "")
        return hmac.compare_digest(shown.encode() if isinstance(shown, str) else shown, self._expected)


async def _refuse(_requests: object, context: "grpc.aio.ServicerContext[Any, Any]") -> Never:
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, "this call needs the cluster's credential")


# As a stream handler it answers at once, before a byte of any request has been read.
_REFUSAL: Handler = grpc.stream_stream_rpc_method_handler(_refuse)
