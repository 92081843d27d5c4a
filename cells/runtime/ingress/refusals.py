"""Not executed, as frames. Invariant: a refusal is sent only where nothing of the request was done."""

import time

from prometheus_client import Counter, Gauge, Histogram

from cells.runtime.tenancy import NotExecuted
from protos.tunnel.v1 import tunnel_pb2

REFUSALS = Counter("waggle_ingress_refusals_total", "Requests and sessions refused before anything was done.", ["reason"])
REQUESTS = Histogram(
    "waggle_ingress_request_seconds",
    "From the frame's arrival to its answer being queued.",
    ["kind"],
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
IN_FLIGHT = Gauge("waggle_ingress_in_flight", "Requests being worked on.")
TUNNELS = Gauge("waggle_ingress_tunnels", "Tunnels of routers that are open to this process.")
OVERLOADED_RETRY_MS = 100

Refusal = tunnel_pb2.Refusal


def refusal_of(error: NotExecuted) -> tunnel_pb2.Refusal:
    return _counted(
        tunnel_pb2.Refusal(
            reason=Refusal.Reason.Value(error.reason),
            cell=error.cell,
            epoch=error.epoch,
            retry_after_ms=error.retry_after_ms,
            detail=str(error),
        )
    )


def overloaded() -> tunnel_pb2.Refusal:
    return _counted(tunnel_pb2.Refusal(reason=Refusal.OVERLOADED, retry_after_ms=OVERLOADED_RETRY_MS, detail="too much in flight"))


def draining() -> tunnel_pb2.Refusal:
    return _counted(tunnel_pb2.Refusal(reason=Refusal.DRAINING, detail="the process is leaving"))


def no_sessions() -> tunnel_pb2.Refusal:
    return _counted(tunnel_pb2.Refusal(reason=Refusal.UNAUTHORIZED, status=404, detail="no sessions here"))


def _counted(refusal: tunnel_pb2.Refusal) -> tunnel_pb2.Refusal:
    REFUSALS.labels(Refusal.Reason.Name(refusal.reason)).inc()
    return refusal


def elapsed_s(since_s: float) -> float:
    return time.perf_counter() - since_s
