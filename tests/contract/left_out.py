"""left_out.toml, read: words that no test shows, each with its reason."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("left_out.toml")
ANY = "*"


@dataclass(frozen=True)
class LeftOut:
    words: tuple[str, ...]
    methods: tuple[str, ...]
    """Names, families (`files.*`) or `*` for all."""
    reason: str

    def covers(self, method: str) -> bool:
        return not {ANY, method, f"{method.partition('.')[0]}.*"}.isdisjoint(self.methods)


def left_out(kind: str) -> Iterator[LeftOut]:
    """`declared`: here, and shown by no test. `slack`: documented by Slack, and answered by nothing here."""
    entry: dict[str, Any]
    for entry in tomllib.loads(PAGE.read_text()).get(kind, []):
        yield LeftOut(tuple(entry["words"]), tuple(entry.get("methods", [ANY])), entry["reason"])
