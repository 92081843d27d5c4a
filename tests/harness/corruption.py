"""Rows in every table that travels, and every way in which a copy of one could be wrong.

Nothing is known of chat here: tables, keys and types come from the metadata, so a table added later is corrupted as well.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, BigInteger, Boolean, Column, DateTime, Integer, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import TSVECTOR

from cells.runtime.transfer.moving.owner import Owner
from cells.runtime.transfer.moving.travelling import quoted

PLAIN, JSON, EMPTY = range(3)
"""The rows of each table: long texts, JSON texts, and what is NULL or empty."""
STRANGER = "T0STRANGER"
TOASTED_BYTES = 6_000
PLACES = (("lost", "DELETE FROM {table} WHERE {row}"), ("wrong tenant", "UPDATE {table} SET workspace_id = 'T0NOBODY' WHERE {row}"))


class Corruption(NamedTuple):
    kind: str
    table: str
    column: str
    statement: str
    """With $1 for the workspace."""


@dataclass(frozen=True, slots=True)
class Sown:
    """A table, and which of its columns an index covers: no value there may be long."""

    table: Table
    indexed: frozenset[str]

    @property
    def keys(self) -> list[Column[Any]]:
        return [column for column in self.table.primary_key.columns if column.name != "workspace_id"]

    @property
    def values(self) -> list[Column[Any]]:
        return [column for column in self.table.columns if not column.primary_key]

    @property
    def rows(self) -> Sequence[int]:
        return (PLAIN, JSON, EMPTY) if self.keys else (PLAIN,)

    @property
    def long_column(self) -> str:
        free = [column.name for column in self.values if isinstance(column.type, Text) and column.name not in self.indexed]
        return free[-1] if free else ""

    def value(self, column: Column[Any], row: int) -> str:
        """SQL of what `column` holds in `row`."""
        if column.primary_key or column.name in self.indexed:
            return _short(column, row)
        if row == PLAIN and column.name == self.long_column:
            return f"'{_long(self.table.name)}'"
        if row == JSON and isinstance(column.type, Text):
            return """'{"a": {"b": [1, null, "c"]}}'"""
        if row == EMPTY and column.nullable:
            return "NULL"
        return _short(column, row)


async def sown(connection: Owner, tables: tuple[Table, ...]) -> list[Sown]:
    covered = "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)"
    found: list[Sown] = []
    for table in tables:
        names = await connection.fetch(f"{covered} WHERE i.indrelid = $1::text::regclass", table.name)
        found.append(Sown(table, frozenset(row[0] for row in names)))
    return found


async def sow(connection: Owner, each: Sequence[Sown], workspace_id: str) -> None:
    """Foreign keys are not looked at: rows of one table need not fit those of another to be compared."""
    async with connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        for one in each:
            columns = list(one.table.columns)
            names = ", ".join(f'"{column.name}"' for column in columns)
            for row in one.rows:
                given = ", ".join("$1" if column.name == "workspace_id" else one.value(column, row) for column in columns)
                await connection.execute(f"INSERT INTO {quoted(one.table)} ({names}) VALUES ({given})", workspace_id)


def corruptions(each: Sequence[Sown]) -> Iterator[Corruption]:
    for one in each:
        name, table = one.table.name, quoted(one.table)
        for kind, statement in PLACES:
            yield Corruption(kind, name, "", statement.format(table=table, row=_row(one, PLAIN)))
        if one.keys:
            yield Corruption("extra", name, "", _extra(one))
            taken = f"UPDATE {table} SET workspace_id = $1, {_renamed(one)} WHERE {_row(one, PLAIN, STRANGER)}"
            yield Corruption("a stranger's", name, "", taken)
        for column in one.values:
            yield from _in_column(one, column)


def _in_column(one: Sown, column: Column[Any]) -> Iterator[Corruption]:
    def changed(kind: str, row: int, value: str) -> Corruption:
        statement = f'UPDATE {quoted(one.table)} SET "{column.name}" = {value} WHERE {_row(one, row)}'
        return Corruption(kind, one.table.name, column.name, statement)

    if column.name == one.long_column:
        yield changed("TOASTed", PLAIN, f"overlay(\"{column.name}\" placing '#' from {TOASTED_BYTES // 2})")
    else:
        yield changed("changed", PLAIN, _short(column, 7))
    if len(one.rows) == 1 or column.name in one.indexed:
        return
    if isinstance(column.type, Text):
        yield changed("JSON", JSON, """'{"a": {"b": [1, null, "d"]}}'""")
    if column.nullable and isinstance(column.type, Text | LargeBinary):
        yield changed("NULL or empty", EMPTY, "''")


def _row(one: Sown, row: int, workspace_id: str = "") -> str:
    tenant = f"'{workspace_id}'" if workspace_id else "$1"
    return " AND ".join([f"workspace_id = {tenant}", *(f'"{column.name}" = {_short(column, row)}' for column in one.keys)])


def _fresh(one: Sown) -> list[Column[Any]]:
    """What must not be as in another row: the last part of the key, and whatever a unique index may cover, by an expression or not."""
    return [one.keys[-1], *(column for column in one.values if column.name in one.indexed or isinstance(column.type, Text))]


def _renamed(one: Sown) -> str:
    return ", ".join(f'"{column.name}" = {_short(column, 8)}' for column in _fresh(one))


def _extra(one: Sown) -> str:
    """The same row once more, under another key."""
    fresh = {column.name: _short(column, 9) for column in _fresh(one)}
    columns = [column.name for column in one.table.columns]
    taken = ", ".join(fresh.get(name, f'"{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    return f"INSERT INTO {quoted(one.table)} ({names}) SELECT {taken} FROM {quoted(one.table)} WHERE {_row(one, PLAIN)}"


def _short(column: Column[Any], row: int) -> str:
    match column.type:
        case BigInteger() | Integer():
            return str(row + 1)
        case Boolean():
            return "true" if row % 2 else "false"
        case LargeBinary():
            return f"'\\x0{row}ff'"
        case ARRAY():
            return f"ARRAY['C{row}', '']"
        case TSVECTOR():
            return f"'word{row}'::tsvector"
        case DateTime():
            return f"'2026-01-0{row + 1}T00:00:00Z'"
        case _:
            return f"'{column.name} {row}'"


def _long(seed: str) -> str:
    """Incompressible enough to be stored out of line."""
    return "".join(hashlib.sha256(f"{seed} {number}".encode()).hexdigest() for number in range(TOASTED_BYTES // 64 + 1))
