"""One element of an archive's JSON, whatever its writer did to it."""

import json
import re
from typing import Any

import msgspec

from chassis.errors import WaggleError

Fields = dict[str, msgspec.Raw]
_NUL = b"\\u0000"
_ID = re.compile(rb"\b[UWCGD][A-Z0-9]{4,30}\b")
_fields = msgspec.json.Decoder(Fields).decode
_text = msgspec.json.Decoder(str).decode
_any = msgspec.json.Decoder().decode


class Unreadable(WaggleError):
    """The element is no JSON object."""

    code = "invalid_import"


def fields_of(item: bytes) -> Fields:
    """Values stay as they stand. NULs, which PostgreSQL cannot keep, are taken out; halves of surrogate pairs become U+FFFD."""
    try:
        if _NUL not in item:
            return _fields(item)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # perhaps it is only half a surrogate pair
    try:
        return _fields(msgspec.json.encode(_cleaned(json.loads(item))))
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise Unreadable(f"not a JSON object: {error}") from None


def object_of(item: bytes) -> dict[str, Any]:
    """The same, all of it decoded."""
    found: dict[str, Any] = _any(msgspec.json.encode(fields_of(item)))
    return found


def text_in(raw: msgspec.Raw | None) -> str | None:
    """None where it is absent or no string."""
    if raw is None:
        return None
    try:
        return _text(raw)
    except msgspec.DecodeError:
        return None


def renamed(item: bytes, ids: dict[str, str]) -> bytes:
    """Every id in it that goes by another one here; ids are told by their shape, wherever they stand."""
    known = {old.encode(): new.encode() for old, new in ids.items()}
    return _ID.sub(lambda found: known.get(found[0], found[0]), item)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_cleaned(each) for each in value]
    if isinstance(value, dict):
        return {_cleaned(name): _cleaned(each) for name, each in value.items()}
    return value
