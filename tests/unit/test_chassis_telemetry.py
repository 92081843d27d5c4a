"""Logs hide secrets; tracing off is nothing, tracing on joins router, cell and database."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, Counter, generate_latest

from chassis import telemetry
from chassis.errors import SettingsError
from chassis.telemetry.logs import hide_secrets
from chassis.telemetry.otlp import OpenTelemetry
from chassis.telemetry.tallies import Tally
from chassis.telemetry.tracing import Header, use_tracing

ROOT = Path(__file__).parents[2]
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    use_tracing(OpenTelemetry(provider))
    yield exporter
    telemetry.stop_tracing()


def python(source: str) -> subprocess.CompletedProcess[str]:
    """Logging and imports are of a whole process, so they are looked at from outside one."""
    return subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)


def test_lines_are_json_with_what_is_true_of_the_process() -> None:
    lines = python(
        "import logging, structlog; from chassis.telemetry import configure_logging\n"
        "configure_logging('cell', cell='a1', level='info')\n"
        "log = structlog.get_logger('x')\n"
        "log.debug('hidden'); log.info('posted', workspace='T1', request_id='r', size={1})\n"
        "logging.getLogger('lib').info('hidden'); logging.getLogger('lib').warning('%s is slow', 'disk')\n"
        "try: {}['k']\nexcept KeyError: log.exception('failed')\n"
    ).stderr.splitlines()
    posted, library, failed = map(json.loads, lines)
    assert posted.pop("timestamp").endswith("Z")
    facts = {"service": "cell", "cell": "a1"}
    assert posted == {"event": "posted", "level": "info", "workspace": "T1", "request_id": "r", "size": [1], **facts}
    assert (library["event"], library["logger"], library["cell"]) == ("disk is slow", "lib", "a1")
    assert "KeyError: 'k'" in failed["exception"]


def test_a_reader_that_is_gone_does_not_break_the_writer() -> None:
    done = python(
        "import os, sys, structlog; from chassis.telemetry import configure_logging\n"
        "reader, writer = os.pipe(); os.close(reader); sys.stderr = os.fdopen(writer, 'w')\n"
        "configure_logging('cell'); structlog.get_logger().info('into the void'); print('alive', flush=True); os._exit(0)\n"
    )
    assert done.stdout == "alive\n"


def test_a_bad_level_is_a_settings_mistake() -> None:
    with pytest.raises(SettingsError, match=r"^WAGGLE_LOG_LEVEL: 'loud' is not allowed; it must be one of debug, info, warning, error$"):
        telemetry.configure_logging("cell", level="loud")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("token=xoxb-101559956668416-2-abcDEF rest", "token=xoxb-*** rest"),
        ("xoxp-1-2-3-0f", "xoxp-***"),
        ("'xapp-1-A0-1-ff'", "'xapp-***'"),
        ("authorization: Bearer s3cret-token, x", "authorization: Bearer ***, x"),
        ("postgresql://waggle_app:pa%20ss@127.0.0.1:5/waggle", "postgresql://waggle_app:***@127.0.0.1:5/waggle"),
        ("http://127.0.0.1:80/a@b", "http://127.0.0.1:80/a@b"),
        ("nothing here", "nothing here"),
    ],
)
def test_secrets_are_not_written(text: str, shown: str) -> None:
    assert hide_secrets(None, "info", {"event": text, "n": 1}) == {"event": shown, "n": 1}


def test_off_means_nothing_happens() -> None:
    headers: list[Header] = [(b"traceparent", PARENT.encode())]
    with telemetry.span("work", workspace="T1"):
        assert telemetry.inject(headers) is headers
    assert headers == [(b"traceparent", PARENT.encode())]
    assert telemetry.extract(iter(headers)) is None and telemetry.trace_id() is None
    assert telemetry.span("a") is telemetry.span("b")
    block = nullcontext()
    assert telemetry.spanning("read", block) is block


def test_off_does_not_even_import_opentelemetry() -> None:
    source = "import sys, chassis.telemetry as t; t.configure_tracing('cell', None); print(any('opentelemetry' in m for m in sys.modules))"
    assert python(source).stdout == "False\n"


@pytest.mark.anyio
async def test_one_trace_from_router_to_database(spans: InMemorySpanExporter) -> None:
    headers: list[Header] = [(b"host", b"a"), (b"traceparent", PARENT.encode())]
    with telemetry.span("router.request", telemetry.extract(headers), workspace="T1"):
        passed_on = telemetry.inject(headers)
        assert telemetry.trace_id() == TRACE
    with telemetry.span("cell.request", telemetry.extract(passed_on)):
        async with telemetry.spanning("database.read", nullcontext("rows")) as entered:
            assert entered == "rows"
    router, database, cell = spans.get_finished_spans()
    assert {f"{each.context.trace_id:032x}" for each in (router, cell, database)} == {TRACE}
    assert router.parent and f"{router.parent.span_id:016x}" == SPAN
    assert cell.parent and cell.parent.span_id == router.context.span_id
    assert database.parent and database.parent.span_id == cell.context.span_id
    assert router.attributes == {"workspace": "T1"}
    assert [name for name, _ in passed_on] == [b"host", b"traceparent"]


@pytest.mark.parametrize("value", [b"", b"garbage", b"\xff\xfe", b"00-0-0-00", b"x" * 10_000])
def test_a_bad_traceparent_begins_a_new_trace(spans: InMemorySpanExporter, value: bytes) -> None:
    with telemetry.span("router.request", telemetry.extract([(b"traceparent", value)])):
        pass
    assert [each.parent for each in spans.get_finished_spans()] == [None]


def test_a_tally_is_in_its_counter_whenever_it_is_scraped() -> None:
    registry = CollectorRegistry()
    tally = Tally(Counter("counted", "Things.", registry=registry), registry)
    for scraped in (3.0, 6.0, 9.0):
        for _ in range(3):
            tally.n += 1
        assert f"counted_total {scraped}" in generate_latest(registry).decode()
