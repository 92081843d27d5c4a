"""A table in the order of its key, part by part; keys as text, so that they can be kept and shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Boolean, DateTime, Integer, LargeBinary, Table, Text

from cells.runtime.transfer.moving.names import MARKS
from cells.runtime.transfer.moving.owner import Owner
from cells.runtime.transfer.moving.travelling import Key, by_name, key_columns, quoted, sql_type
from chassis.identity import WorkspaceId

HASHED = (Text, Integer, Boolean, LargeBinary, DateTime)


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a workspace behind `after` up to and with `last`; None: from the beginning, to the end."""

    table: Table
    after: Key | None = None
    last: Key | None = None
    marks: bool = False
    """With the rows of `cursors` that are a move's and no part of the workspace."""

    @property
    def where(self) -> str:
        """With the parameters of `arguments`."""
        lines = ["workspace_id = $1"]
        if self.table.name == "cursors" and not self.marks:
            lines.append(f"NOT starts_with(name, '{MARKS}')")
        lines.append(_compared(self.table, ">", 2) if self.after is not None else "$2::text[] IS NULL")
        lines.append(_compared(self.table, "<=", 3) if self.last is not None else "$3::text[] IS NULL")
        return " AND ".join(lines)

    def arguments(self, workspace_id: WorkspaceId) -> tuple[object, ...]:
        return workspace_id, _listed(self.after), _listed(self.last)


def key_of(table: Table) -> str:
    return ", ".join(f'"{column.name}"' for column in key_columns(table))


def key_shown(table: Table) -> str:
    """The key as one array of texts."""
    texts = (f'"{column.name}"::text' for column in key_columns(table))
    return f"ARRAY[{', '.join(texts)}]::text[]"


def row_hash(table: Table) -> str:
    """64 bits of every value of a row. By the types' own functions where they say all of a value, which takes half as long as by text."""
    values = (f'"{column.name}"{"" if isinstance(column.type, HASHED) else "::text"}' for column in by_name(table))
    return f"hash_record_extended(ROW({', '.join(values)}), 1)"


def values_of(table: Table, parameter: int) -> str:
    """Key columns out of an array of texts."""
    return ", ".join(f"(${parameter}::text[])[{n}]::{sql_type(column)}" for n, column in enumerate(key_columns(table), 1))


async def next_part(
    connection: Owner, table: Table, workspace_id: WorkspaceId, after: Key | None, rows_max: int, *, marks: bool = False
) -> Part:
    """The next at most `rows_max` rows; the one without an end is the last. Read off the index."""
    if not key_columns(table):
        return Part(table, marks=marks)
    open_part = Part(table, after, marks=marks)
    skipped = (
        f"SELECT {key_shown(table)} FROM {quoted(table)} WHERE {open_part.where} ORDER BY {key_of(table)} OFFSET {rows_max - 1} LIMIT 1"
    )
    found = await connection.fetchval(skipped, *open_part.arguments(workspace_id))
    return open_part if found is None else Part(table, after, tuple(found), marks)


async def sizes_up_to(connection: Owner, tables: Sequence[Table], workspace_id: WorkspaceId, rows_max: int) -> dict[str, int]:
    """How many rows each table has of the workspace; of one that has more, no more than `rows_max` + 1 are counted."""
    counted = "SELECT '{0}' AS name, (SELECT count(*) FROM (SELECT 1 FROM \"{0}\" WHERE workspace_id = $1 LIMIT {1}) AS counted) AS rows"
    each = " UNION ALL ".join(counted.format(table.name, rows_max + 1) for table in tables)
    return {row["name"]: row["rows"] for row in await connection.fetch(each, workspace_id)}


async def with_rows(connection: Owner, tables: Sequence[Table], workspace_id: WorkspaceId) -> list[Table]:
    """Asked at once: a workspace has rows in few of its tables."""
    if not tables:
        return []
    there = " UNION ALL ".join(
        f"SELECT '{table.name}' AS name WHERE EXISTS (SELECT 1 FROM {quoted(table)} WHERE workspace_id = $1)" for table in tables
    )
    found = {row["name"] for row in await connection.fetch(there, workspace_id)}
    return [table for table in tables if table.name in found]


def _compared(table: Table, sign: str, parameter: int) -> str:
    return f"({key_of(table)}) {sign} ({values_of(table, parameter)})"


def _listed(key: Key | None) -> list[str] | None:
    return None if key is None else list(key)


def among(table: Table, parameter: int) -> str:
    """Whether a row's key is one of `among_arguments`, from `parameter` on; a table with one row a workspace has it always."""
    types = [sql_type(column) for column in key_columns(table)]
    if not types:
        return "true"
    given = ", ".join(f"${n}::text[]::{kind}[]" for n, kind in enumerate(types, parameter))
    return f"({key_of(table)}) IN (SELECT * FROM unnest({given}))"


def among_arguments(keys: Sequence[Key]) -> tuple[list[str], ...]:
    """A column an argument."""
    return tuple(list(column) for column in zip(*keys, strict=True))
