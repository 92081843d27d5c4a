"""What a method is: one declaration, from which it is dispatched, documented and tested."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import msgspec

from cells.chat.domain.errors import DomainError
from cells.chat.slack.arguments import Reader
from cells.chat.slack.call import Answer, Call

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
JSON = "application/json"
CONTENT_TYPES = (FORM, MULTIPART, JSON)


class Tier(IntEnum):
    """Calls a minute that Slack promises at least (https://api.slack.com/docs/rate-limits)."""

    ONE = 1
    TWO = 20
    THREE = 50
    FOUR = 100
    SPECIAL = 0


class NoArguments(msgspec.Struct):
    pass


@dataclass(frozen=True)
class Method:
    name: str
    handler: Callable[[Call[Any]], Awaitable[Answer]]
    tier: Tier
    arguments: type[msgspec.Struct] = NoArguments
    scopes: tuple[str, ...] = ()
    """Any one of them opens the method; none: any token does."""
    errors: tuple[type[DomainError], ...] = ()
    """What the method itself may refuse with, beside `invalid_arguments` and the words of the wire."""
    content_types: tuple[str, ...] = CONTENT_TYPES
    needs_token: bool = True
    reader: Reader[Any] = field(init=False)
    accepted_scopes: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reader", Reader(self.arguments))
        object.__setattr__(self, "accepted_scopes", ",".join(self.scopes).encode())


def registry_of(*families: Iterable[Method]) -> Mapping[str, Method]:
    """By name; a name declared twice is a mistake of ours."""
    methods = [method for family in families for method in family]
    registry = {method.name: method for method in methods}
    if len(registry) != len(methods):
        raise ValueError("a method is declared twice")
    return registry
