"""Which row each change touched: PostgreSQL's `pgoutput` messages, of which only keys are kept."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

_LOCAL, _APPLIED = False, True


@dataclass(frozen=True, slots=True)
class Relation:
    table: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Touched:
    """A row that was written or deleted; `row` is the whole of it where it was written."""

    table: str
    row: dict[str, str | None]
    applied: bool
    """It came by a subscription, and was not written in this database."""


@dataclass
class Decoder:
    """Messages in, rows out; what a transaction touched is told before the next begins."""

    on_touched: Callable[[Touched], None]
    _relations: dict[int, Relation] = field(default_factory=dict)
    _applied: bool = _LOCAL

    def __call__(self, message: bytes) -> None:
        match message[:1]:
            case b"B":
                self._applied = _LOCAL
            case b"O":
                self._applied = _APPLIED
            case b"R":
                self._relation(message)
            case b"I" | b"U" | b"D":
                self._row(message)

    def _relation(self, message: bytes) -> None:
        (number,) = struct.unpack_from("!I", message, 1)
        _namespace, at = _text(message, 5)
        table, at = _text(message, at)
        (count,) = struct.unpack_from("!H", message, at + 1)
        at += 3
        columns = []
        for _ in range(count):
            name, at = _text(message, at + 1)
            columns.append(name)
            at += 8
        self._relations[number] = Relation(table, tuple(columns))

    def _row(self, message: bytes) -> None:
        """An update has its old key before it where the key was changed: then two rows were touched."""
        (number,) = struct.unpack_from("!I", message, 1)
        relation, at = self._relations[number], 5
        while at < len(message):
            values, at = _tuple(message, at + 1)
            self.on_touched(Touched(relation.table, dict(zip(relation.columns, values, strict=True)), self._applied))


def _text(message: bytes, at: int) -> tuple[str, int]:
    end = message.index(0, at)
    return message[at:end].decode(), end + 1


def _tuple(message: bytes, at: int) -> tuple[list[str | None], int]:
    """Columns that were not sent (stored out of line and unchanged) are None, like NULL: no key has either."""
    (count,) = struct.unpack_from("!H", message, at)
    values: list[str | None] = []
    at += 2
    for _ in range(count):
        if message[at : at + 1] == b"t":
            (length,) = struct.unpack_from("!I", message, at + 1)
            values.append(message[at + 5 : at + 5 + length].decode())
            at += 5 + length
        else:
            values.append(None)
            at += 1
    return values, at
