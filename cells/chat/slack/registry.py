"""What a method is: one declaration, from which it is dispatched, documented and tested."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cells.chat.domain.errors import DomainError, SwitchedOff
from cells.chat.slack.arguments import Reader
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.summaries import SUMMARIES
from cells.chat.slack.tiers import ALLOWANCES, Allowance, Tier
from chassis.flags import Flag

__all__ = ["CONTENT_TYPES", "FORM", "JSON", "MULTIPART", "Method", "NoArguments", "Tier", "registry_of"]

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
JSON = "application/json"
CONTENT_TYPES = (FORM, MULTIPART, JSON)


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
    limited_by: str = ""
    """An argument that names a place (a channel): beside its tier, the method is limited for each of them."""
    flag: Flag | None = None
    """What an operator may switch off; the method then refuses with `off`, before anything else."""
    off: type[DomainError] = SwitchedOff
    reader: Reader[Any] = field(init=False)
    accepted_scopes: bytes = field(init=False)
    allowance: Allowance = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reader", Reader(self.arguments))
        object.__setattr__(self, "accepted_scopes", ",".join(self.scopes).encode())
        object.__setattr__(self, "allowance", ALLOWANCES[self.tier])
        if self.flag is not None and self.off not in self.errors:
            object.__setattr__(self, "errors", (*self.errors, self.off))

    @property
    def summary(self) -> str:
        return SUMMARIES.get(self.name, "")


def registry_of(*families: Iterable[Method]) -> Mapping[str, Method]:
    """By name; a name declared twice is a mistake of ours."""
    methods = [method for family in families for method in family]
    registry = {method.name: method for method in methods}
    if len(registry) != len(methods):
        raise ValueError("a method is declared twice")
    return registry
