"""Small checks of JSON, put together into those of blocks. Each names what is wrong and where, as a JSON pointer.

What nobody knows of an object is kept as given: Slack adds fields faster than clients are made anew.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

FAULTS_MAX = 10
"""Told of at most; the rest would be cut from a log anyway."""
POINTER_PART_LENGTH_MAX = 40


@dataclass
class Faults:
    found: list[str] = field(default_factory=list)

    def add(self, pointer: str, message: str) -> None:
        if len(self.found) < FAULTS_MAX:
            self.found.append(f"{message} [json-pointer:{pointer}]")


Check = Callable[[Any, str, Faults], None]
"""The value, where it is, and where faults go."""


def string(most: int, least: int = 0, *, choices: tuple[str, ...] = (), shape: str = "") -> Check:
    """Lengths in characters; `shape` is a regular expression for the whole of it."""
    pattern = re.compile(shape) if shape else None

    def check(value: Any, pointer: str, faults: Faults) -> None:
        if not isinstance(value, str):
            faults.add(pointer, "must be a string")
        elif len(value) < least:
            faults.add(pointer, f"must be more than {least - 1} characters")
        elif len(value) > most:
            faults.add(pointer, f"must be less than {most + 1} characters")
        elif choices and value not in choices:
            faults.add(pointer, f"must be one of: {', '.join(choices)}")
        elif pattern is not None and not pattern.fullmatch(value):
            faults.add(pointer, "must have the right format")

    return check


def integer(least: int, most: int) -> Check:
    def check(value: Any, pointer: str, faults: Faults) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            faults.add(pointer, "must be an integer")
        elif not least <= value <= most:
            faults.add(pointer, f"must be between {least} and {most}")

    return check


def boolean(value: Any, pointer: str, faults: Faults) -> None:
    if not isinstance(value, bool):
        faults.add(pointer, "must be a boolean")


def anything(value: Any, pointer: str, faults: Faults) -> None:
    """Kept as given."""


def array(item: Check, most: int, least: int = 0) -> Check:
    def check(value: Any, pointer: str, faults: Faults) -> None:
        if not isinstance(value, list):
            faults.add(pointer, "must be an array")
        elif len(value) > most:
            faults.add(pointer, f"no more than {most} items allowed")
        elif len(value) < least:
            faults.add(pointer, f"no fewer than {least} items allowed")
        else:
            for place, each in enumerate(value):
                item(each, f"{pointer}/{place}", faults)

    return check


def mapping(fields: Mapping[str, Check], *required: str) -> Check:
    """An object; a field that is null counts as not given. `a|b` among the required: one of them."""

    def check(value: Any, pointer: str, faults: Faults) -> None:
        if not isinstance(value, dict):
            faults.add(pointer, "must be an object")
            return
        for name in required:
            if all(value.get(choice) is None for choice in name.split("|")):
                faults.add(pointer, f"missing required field: {name.replace('|', ' or ')}")
        for name, field_check in fields.items():
            if value.get(name) is not None:
                field_check(value[name], f"{pointer}/{name}", faults)

    return check


def kinds(allowed: Mapping[str, Check]) -> Check:
    """An object whose `type` says by which of the checks."""

    def check(value: Any, pointer: str, faults: Faults) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(value, dict):
            faults.add(pointer, "must be an object")
        elif kind is None:
            faults.add(pointer, "missing required field: type")
        elif not isinstance(kind, str) or kind not in allowed:
            faults.add(f"{pointer}/type", f"unsupported type: {str(kind)[:POINTER_PART_LENGTH_MAX]}")
        else:
            allowed[kind](value, pointer, faults)

    return check
