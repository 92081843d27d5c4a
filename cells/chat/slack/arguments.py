"""From what clients send to the struct a method declares.

The same argument comes as form text, query text or JSON; booleans as 1, 0, true, false, True; lists and objects in forms as
JSON text. Unknown arguments are ignored. A number that is none counts as not given: Slack adjusts bad limits in silence.
"""

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, Union, get_args, get_origin

import msgspec

from cells.chat.slack.errors import InvalidArguments

A = TypeVar("A", bound=msgspec.Struct)
Nested = list[Any] | dict[str, Any] | str
"""An argument of lists and objects; text where what was sent is no JSON, for the method to refuse by its own word."""

_ABSENT: Any = object()
_FLAGS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False, "": False}
NUMBER_LENGTH_MAX = 18


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    read: Callable[[Any], Any]
    required: bool


class Reader(Generic[A]):
    """Reads one method's arguments; made once a method."""

    def __init__(self, struct: type[A]) -> None:
        self._struct = struct
        self._fields = [_Field(field.name, _READERS[_kind_of(field.type)], field.required) for field in msgspec.structs.fields(struct)]

    def read(self, given: Mapping[str, Any]) -> A:
        """Raises InvalidArguments that names each argument that is missing or unreadable."""
        values: dict[str, Any] = {}
        wrong: list[str] = []
        for field in self._fields:
            raw = given.get(field.name)
            if raw is None or (isinstance(raw, bytes) and field.read is not _bytes):
                if field.required:
                    wrong.append(f"missing required field: {field.name}")
                continue
            try:
                value = field.read(raw)
            except ValueError as error:
                wrong.append(f"{error} [json-pointer:/{field.name}]")
                continue
            if value is not _ABSENT:
                values[field.name] = value
            elif field.required:
                wrong.append(f"unreadable required field: {field.name}")
        if wrong:
            raise InvalidArguments(*wrong)
        return self._struct(**values)


def _kind_of(annotation: Any) -> Any:
    """`str` for `str | None`, and so on."""
    if annotation == Nested or annotation == Nested | None:
        return Nested
    if get_origin(annotation) in (Union, types.UnionType):
        return next(choice for choice in get_args(annotation) if choice is not type(None))
    return annotation


def _text(raw: Any) -> str:
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, list) and all(isinstance(item, str) for item in raw):
        raw = ",".join(raw)
    if isinstance(raw, int | float):
        raw = str(raw)
    if not isinstance(raw, str):
        raise ValueError("must be a string")  # noqa: TRY004 - a client's mistake, told to the client
    if "\x00" in raw:
        raise ValueError("must not contain the character NUL")
    return raw


def _flag(raw: Any) -> Any:
    if isinstance(raw, bool):
        return raw
    value = _FLAGS.get(str(raw).strip().lower(), _ABSENT) if isinstance(raw, str | int) else _ABSENT
    if value is _ABSENT:
        raise ValueError("must be a boolean")
    return value


def _number(raw: Any) -> Any:
    if isinstance(raw, int):
        return raw
    shown = raw.strip() if isinstance(raw, str) else ""
    return int(shown) if len(shown) <= NUMBER_LENGTH_MAX and shown.isascii() and shown.removeprefix("-").isdigit() else _ABSENT


def _bytes(raw: Any) -> bytes:
    """A file of a multipart body."""
    if not isinstance(raw, bytes):
        raise ValueError("must be a file in a multipart body")  # noqa: TRY004 - a client's mistake, told to the client
    return raw


def _nested(raw: Any) -> Any:
    if not isinstance(raw, str):
        return raw if isinstance(raw, list | dict) else str(raw)
    if not raw:
        return _ABSENT
    try:
        decoded = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return raw
    return decoded if isinstance(decoded, list | dict) else raw


_READERS: dict[Any, Callable[[Any], Any]] = {str: _text, bool: _flag, int: _number, bytes: _bytes, Nested: _nested}
