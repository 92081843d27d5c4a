"""What a process says of itself: logs and traces. Metrics are declared beside the code that moves them (prometheus_client)."""

from chassis.telemetry.logs import configure_logging
from chassis.telemetry.tracing import configure_tracing, extract, inject, span, spanning, stop_tracing, trace_id

__all__ = ["configure_logging", "configure_tracing", "extract", "inject", "span", "spanning", "stop_tracing", "trace_id"]
