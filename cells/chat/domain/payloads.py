"""JSON text of an event, made once for every socket."""

from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode


def payload_of(fields: dict[str, Any]) -> str:
    return _encode(fields).decode()
