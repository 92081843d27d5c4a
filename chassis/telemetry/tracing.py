"""Traces router -> cell -> database, by OpenTelemetry, when an endpoint is configured.

Without one nothing of OpenTelemetry is imported and a `span` costs two attribute look-ups; a client's own
`traceparent` then passes through untouched like any header.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from typing import Protocol, TypeVar

T = TypeVar("T")
Header = tuple[bytes, bytes]
Attribute = str | int | float | bool
TRACEPARENT = b"traceparent"


class Tracing(Protocol):
    """What is switched on by `configure_tracing`."""

    def span(self, name: str, parent: str | None, attributes: dict[str, Attribute]) -> AbstractContextManager[object]: ...

    def traceparent(self) -> str | None: ...

    def stop(self) -> None: ...


class _Nothing(AbstractContextManager[None]):
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_why: object) -> None:
        return None


class _Switch:
    """The one switch of the process, as OpenTelemetry's own tracer provider is; set by `configure_tracing` alone."""

    tracing: Tracing | None = None


_NOTHING = _Nothing()
_SWITCH = _Switch()


def configure_tracing(service: str, endpoint: str | None) -> None:
    """Send spans to `endpoint` (OTLP over gRPC, `http://host:4317`); None leaves tracing off.

    Spans are exported by a thread, from a queue of 2,048; what does not fit is dropped. Sampling: OTEL_TRACES_SAMPLER.
    """
    if endpoint is None:
        return
    from chassis.telemetry.otlp import otlp_tracing

    stop_tracing()
    _SWITCH.tracing = otlp_tracing(service, endpoint)


def use_tracing(tracing: Tracing | None) -> None:
    """Put another kind of tracing in place; for tests."""
    _SWITCH.tracing = tracing


def stop_tracing() -> None:
    """Send what is waiting (5 s at most), then be off. Blocks: call it after the event loop has ended, or in a thread."""
    if _SWITCH.tracing is not None:
        _SWITCH.tracing.stop()
        _SWITCH.tracing = None


def span(name: str, parent: str | None = None, **attributes: Attribute) -> AbstractContextManager[object]:
    """The block is one piece of work in the trace; child of `parent` (from `extract`) or else of the span around it."""
    tracing = _SWITCH.tracing
    return _NOTHING if tracing is None else tracing.span(name, parent, attributes)


def spanning(name: str, block: AbstractAsyncContextManager[T]) -> AbstractAsyncContextManager[T]:
    """`block` as one piece of work in the trace, from before it is entered until after it is left; itself when tracing is off."""
    return block if _SWITCH.tracing is None else _spanned(name, block)


@asynccontextmanager
async def _spanned(name: str, block: AbstractAsyncContextManager[T]) -> AsyncIterator[T]:
    with span(name):
        async with block as entered:
            yield entered


def extract(headers: Iterable[Header]) -> str | None:
    """The `traceparent` among the headers (W3C Trace Context); None when tracing is off: then they are not even looked at."""
    if _SWITCH.tracing is None:
        return None
    return next((value.decode("latin-1") for name, value in headers if name == TRACEPARENT), None)


def inject(headers: Sequence[Header]) -> Sequence[Header]:
    """The headers with the current span's `traceparent` in the place of theirs; the very same ones when tracing is off."""
    if _SWITCH.tracing is None or (current := _SWITCH.tracing.traceparent()) is None:
        return headers
    return [*(header for header in headers if header[0] != TRACEPARENT), (TRACEPARENT, current.encode("ascii"))]


def trace_id() -> str | None:
    """The current trace's 32 hex digits, to find it from a log line."""
    current = _SWITCH.tracing.traceparent() if _SWITCH.tracing is not None else None
    return current.split("-")[1] if current else None
