"""Reading a request: query, form, multipart or JSON, all into one mapping."""

from collections.abc import Container, Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from cells.chat.slack.errors import (
    BodyTooLarge,
    InvalidFormData,
    InvalidJson,
    InvalidPostType,
    JsonNotObject,
    MissingPostType,
)
from cells.chat.slack.registry import CONTENT_TYPES, FORM, JSON, MULTIPART
from cells.runtime.workload import Receive

BODY_BYTES_MAX = 1 << 20
FIELDS_MAX = 256
PARTS_MAX = 64
_decode = msgspec.json.Decoder().decode


class ClientGone(Exception):
    """The client hung up before its body was here."""


async def read_body(receive: Receive) -> bytes:
    """At most 1 MiB; raises BodyTooLarge, ClientGone."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return _bounded(message.get("body", b""))
    chunks = bytearray()
    while True:
        if message["type"] != "http.request":
            raise ClientGone
        chunks += message.get("body", b"")
        _bounded(chunks)
        if not message.get("more_body"):
            return bytes(chunks)
        message = await receive()


def arguments_of(query: bytes, content_type: str, body: bytes, accepted: Container[str] = CONTENT_TYPES) -> dict[str, Any]:
    """Query first, body over it. An empty body is none, whatever its label says."""
    given: dict[str, Any] = read_form(query) if query else {}
    if body:
        given.update(_read(content_type, body, accepted))
    return given


def read_form(text: bytes) -> dict[str, Any]:
    try:
        return dict(parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELDS_MAX))
    except ValueError as error:
        raise InvalidFormData(f"more than {FIELDS_MAX} fields") from error


def read_json(body: bytes) -> dict[str, Any]:
    try:
        decoded = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidJson from error
    if not isinstance(decoded, dict):
        raise JsonNotObject
    return decoded


def read_multipart(content_type: str, body: bytes) -> dict[str, Any]:
    """Text of fields, bytes of files."""
    _, options = parse_options_header(content_type)
    collector = _Parts()
    try:
        parser = MultipartParser(options.get(b"boundary", b""), collector.callbacks(), max_size=BODY_BYTES_MAX)
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise InvalidFormData from error
    if not collector.ended:
        raise InvalidFormData("the body ends before its last boundary")
    return collector.fields


class _Parts:
    """Collects what the parser calls out."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.ended = False
        self._parts = 0
        self._header = bytearray()
        self._value = bytearray()
        self._data = bytearray()
        self._name: str | None = None
        self._is_file = False

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._on_begin,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._on_header_end,
            "on_part_data": lambda data, start, end: self._data.extend(data[start:end]),
            "on_part_end": self._on_end,
            "on_end": self._on_last,
        }

    def _on_begin(self) -> None:
        self._parts += 1
        if self._parts > PARTS_MAX:
            raise InvalidFormData(f"more than {PARTS_MAX} parts")
        self._name = None
        self._data.clear()

    def _on_header_end(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            name = options.get(b"name")
            self._name = name.decode("utf-8", "replace") if name is not None else None
            self._is_file = b"filename" in options
        self._header.clear()
        self._value.clear()

    def _on_end(self) -> None:
        if self._name is not None:
            self.fields[self._name] = bytes(self._data) if self._is_file else self._data.decode("utf-8", "replace")

    def _on_last(self) -> None:
        self.ended = True


def _read(content_type: str, body: bytes, accepted: Container[str]) -> Mapping[str, Any]:
    kind = content_type.partition(";")[0].strip().lower()
    if kind and kind not in accepted:
        raise InvalidPostType(kind)
    if kind == JSON:
        return read_json(body)
    if kind == FORM:
        return read_form(body)
    if kind == MULTIPART:
        return read_multipart(content_type, body)
    raise InvalidPostType(kind) if kind else MissingPostType


def _bounded(body: Any) -> bytes:
    if len(body) > BODY_BYTES_MAX:
        raise BodyTooLarge(f"more than {BODY_BYTES_MAX} bytes")
    return body  # type: ignore[no-any-return]
