"""What a batch has come to so far."""

from collections import Counter
from dataclasses import dataclass, field

from cells.chat.domain.imports.standing import Mapping, Note


@dataclass(frozen=True, slots=True)
class Tally:
    counts: dict[str, int]
    mapping: Mapping
    notes: list[Note] = field(default_factory=list)

    @property
    def mapped(self) -> int:
        return len(self.mapping.ids) + len(self.mapping.folders)

    def count(self, name: str, more: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + more

    def add(self, counted: Counter[str]) -> None:
        for name, more in counted.items():
            self.count(name, more)

    def note(self, kind: str, what: str, why: str) -> None:
        self.notes.append(Note(kind, what, why))
