"""OpenTelemetry behind `chassis.telemetry.tracing`. Imported only when tracing is on."""

from contextlib import AbstractContextManager

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chassis.telemetry.tracing import Attribute

EXPORT_S_MAX = 5
_W3C = TraceContextTextMapPropagator()


def otlp_tracing(service: str, endpoint: str) -> "OpenTelemetry":
    provider = TracerProvider(resource=Resource.create({"service.name": service, "service.namespace": "waggle"}))
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=not endpoint.startswith("https://"), timeout=EXPORT_S_MAX)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return OpenTelemetry(provider)


class OpenTelemetry:
    """A `Tracing` over one tracer provider of our own: the library's global one is left to whoever embeds us."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("waggle")

    def span(self, name: str, parent: str | None, attributes: dict[str, Attribute]) -> AbstractContextManager[Span]:
        context = _W3C.extract({"traceparent": parent}) if parent is not None else None
        return self._tracer.start_as_current_span(name, context=context, attributes=attributes)

    def traceparent(self) -> str | None:
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        return carrier.get("traceparent")

    def stop(self) -> None:
        self._provider.shutdown()
