"""Logs: one JSON object a line on stderr, or coloured text when stderr is a terminal.

Modules say `structlog.get_logger(__name__)` and `log.info("what happened", workspace=..., cell=..., request_id=...)`.
A level that is off costs one call of an empty function.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any

import msgspec
import structlog

from chassis.errors import SettingsError
from chassis.telemetry.tracing import trace_id

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_SECRET = re.compile(r"\b(xox[a-z](?:\.xox[a-z])?|xapp)-[A-Za-z0-9-]+|(Bearer\s+)[^\s\"',]+|(://[^:/@\s]*:)[^@\s/]+(?=@)")

Record = MutableMapping[str, Any]


def configure_logging(service: str, *, level: str = "info", **bound: object) -> None:
    """Send every log of this process, the libraries' too, to stderr; `service` and `bound` (cell, region) are in every line.

    Raises SettingsError for a level that is not debug, info, warning or error.
    """
    if level not in LEVELS:
        raise SettingsError(f"WAGGLE_LOG_LEVEL: {level!r} is not allowed; it must be one of {', '.join(LEVELS)}")
    facts = {"service": service, **bound}
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _Facts(facts),
            structlog.processors.UnicodeDecoder(),
            *_rendering(),
        ],
        logger_factory=_factory(),
        cache_logger_on_first_use=True,
    )
    _adopt_standard_logging(LEVELS[level])


def _rendering() -> list[Any]:
    if sys.stderr.isatty():
        return [hide_secrets, structlog.dev.ConsoleRenderer()]
    return [structlog.processors.format_exc_info, hide_secrets, structlog.processors.JSONRenderer(serializer=_json)]


def _factory() -> Any:
    return structlog.PrintLoggerFactory(sys.stderr) if sys.stderr.isatty() else _Lines


def _json(record: Record, **_unused: object) -> bytes:
    return msgspec.json.encode(record, enc_hook=repr)


class _Lines:
    """Writes to stderr as it was at the first line. A reader that is gone costs lines, not the request that logs them."""

    def __init__(self, *_unused: object) -> None:
        self._file = sys.stderr.buffer

    def msg(self, line: bytes) -> None:
        with suppress(OSError, ValueError):
            self._file.write(line + b"\n")
            self._file.flush()

    debug = info = warning = error = critical = msg


class _Facts:
    """Adds what is true of the whole process; what a line says itself wins."""

    def __init__(self, facts: dict[str, object]) -> None:
        self._facts = facts

    def __call__(self, _logger: object, _method: str, record: Record) -> Record:
        for name, value in self._facts.items():
            record.setdefault(name, value)
        if (trace := trace_id()) is not None:
            record["trace_id"] = trace
        return record


def hide_secrets(_logger: object, _method: str, record: Record) -> Record:
    """Slack tokens, bearer credentials and passwords in URLs are never written, whatever text they are in."""
    for name, value in record.items():
        if isinstance(value, str):
            record[name] = _SECRET.sub(_mask, value)
    return record


def _mask(found: re.Match[str]) -> str:
    return f"{found[1]}-***" if found[1] else f"{found[2] or found[3]}***"


class _IntoStructlog(logging.Handler):
    """Libraries log by the standard module; their lines become ours."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)


def _adopt_standard_logging(level: int) -> None:
    root = logging.getLogger()
    root.handlers[:] = [_IntoStructlog()]
    # The libraries' own info is about themselves; ask for debug to see it.
    root.setLevel(logging.INFO if level == logging.DEBUG else max(level, logging.WARNING))
