"""multipart/form-data as it comes, never held as a whole (RFC 7578)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

FIELDS_BYTES_MAX = 1 << 20
PARTS_MAX = 64
FILE_FIELDS = ("file", "body", "filename")
"""Names that clients give to the file where they send no file name."""


class BadForm(Exception):
    """Not multipart, too many parts, or too much beside the file."""


@dataclass(frozen=True, slots=True)
class FileBegins:
    field: str
    filename: str


@dataclass(frozen=True, slots=True)
class FileEnds:
    pass


Piece = FileBegins | FileEnds | bytes


class Form:
    """Fed with chunks, it yields the first file's beginning, bytes and end; fields gather in `fields`."""

    def __init__(self, content_type: str) -> None:
        _, options = parse_options_header(content_type)
        self.fields: dict[str, str] = {}
        self.ended = False
        self._pieces: list[Piece] = []
        self._parts = self._size = 0
        self._header, self._value, self._data = bytearray(), bytearray(), bytearray()
        self._name: str | None = None
        self._file, self._had_file = False, False
        try:
            self._parser = MultipartParser(options.get(b"boundary", b""), self._callbacks())
        except (FormParserError, ValueError) as error:
            raise BadForm("no boundary") from error

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        """Raises BadForm."""
        try:
            self._parser.write(chunk)
        except (FormParserError, ValueError) as error:
            raise BadForm(str(error)) from error
        pieces, self._pieces = self._pieces, []
        yield from pieces

    def _callbacks(self) -> Any:
        return {
            "on_part_begin": self._on_begin,
            "on_header_field": lambda data, start, end: self._grow(self._header, data[start:end]),
            "on_header_value": lambda data, start, end: self._grow(self._value, data[start:end]),
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_data,
            "on_part_end": self._on_end,
            "on_end": self._on_last,
        }

    def _grow(self, into: bytearray, data: bytes) -> None:
        self._size += len(data)
        if self._size > FIELDS_BYTES_MAX:
            raise BadForm("too much beside the file")
        into.extend(data)

    def _on_begin(self) -> None:
        self._parts += 1
        if self._parts > PARTS_MAX:
            raise BadForm("too many parts")
        self._name, self._filename = None, None
        self._data.clear()

    def _on_header_end(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            self._name = options.get(b"name", b"").decode("utf-8", "replace")
            given = options.get(b"filename")
            self._filename = None if given is None else given.decode("utf-8", "replace")
        self._header.clear()
        self._value.clear()

    _filename: str | None = None

    def _on_headers_finished(self) -> None:
        is_file = self._filename is not None or self._name in FILE_FIELDS[:2]
        self._file = is_file and not self._had_file
        if self._file:
            self._had_file = True
            self._pieces.append(FileBegins(self._name or "", self._filename or ""))

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._file:
            self._pieces.append(data[start:end])
        else:
            self._grow(self._data, data[start:end])

    def _on_end(self) -> None:
        if self._file:
            self._file = False
            self._pieces.append(FileEnds())
        elif self._name:
            self.fields[self._name] = self._data.decode("utf-8", "replace")

    def _on_last(self) -> None:
        self.ended = True
