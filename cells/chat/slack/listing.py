"""The methods as a list that programs read: `/api/_methods`."""

import types
from collections.abc import Iterator, Mapping
from typing import Any, Union, get_args, get_origin

import msgspec

from cells.chat.slack.arguments import Nested
from cells.chat.slack.registry import Method

LISTING = "/api/_methods"
_NAMES: dict[Any, str] = {str: "string", bool: "boolean", int: "integer", float: "number", bytes: "file"}


def listing_of(methods: Mapping[str, Method]) -> dict[str, Any]:
    return {"ok": True, "methods": [listed(methods[name]) for name in sorted(methods)]}


def listed(method: Method) -> dict[str, Any]:
    """`errors` are the method's own words, beside those that any method may answer with."""
    return {
        "name": method.name,
        "summary": method.summary,
        "scopes": list(method.scopes),
        "tier": method.tier.name.lower(),
        "calls_per_minute": method.allowance.per_minute,
        "burst": method.allowance.burst,
        "needs_token": method.needs_token,
        "arguments": list(arguments_of(method)),
        "errors": list(dict.fromkeys(error.code for error in method.errors)),
        "content_types": list(method.content_types),
    }


def arguments_of(method: Method) -> Iterator[dict[str, Any]]:
    for field in msgspec.structs.fields(method.arguments):
        shown: dict[str, Any] = {"name": field.name, "type": type_name(field.type), "required": field.required}
        yield shown if field.default in (None, msgspec.NODEFAULT, b"") else shown | {"default": field.default}


def type_name(annotation: Any) -> str:
    """`string` for `str | None`, `json` for lists and objects."""
    if annotation in (Nested, Nested | None):
        return "json"
    if get_origin(annotation) in (Union, types.UnionType):
        return type_name(next(choice for choice in get_args(annotation) if choice is not type(None)))
    return _NAMES.get(annotation, "json")
