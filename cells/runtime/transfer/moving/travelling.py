"""Which tables a move carries, from the metadata alone: whatever is keyed by workspace. The tenancy row never travels by stream."""

from typing import Any

from sqlalchemy import Column, MetaData, Table
from sqlalchemy.dialects import postgresql

from cells.runtime.log.tables import cursors, due, log
from cells.runtime.tenancy import tenancy

Key = tuple[str, ...]
"""A row's key without the workspace, as text; in the order of `key_columns`."""


def travelling(workload: MetaData) -> tuple[Table, ...]:
    """The runtime's log, cursors and due work and the workload's tables, those that others may refer to first.

    Raises ValueError for a table whose rows could not be told apart by workspace: it would be left behind in silence.
    """
    tables = (log, cursors, due, *(table for table in workload.sorted_tables if table.name != tenancy.name))
    for table in tables:
        key = [column.name for column in table.primary_key.columns]
        if key[:1] != ["workspace_id"]:
            raise ValueError(f"table {table.name} is not keyed by workspace_id first; a move could not carry it")
    return tables


def quoted(table: Table) -> str:
    return f'"{table.name}"'


def columns(table: Table) -> str:
    """By name, so that two cells whose tables grew in another order agree."""
    return ", ".join(f'"{column.name}"' for column in by_name(table))


def by_name(table: Table) -> list[Column[Any]]:
    return sorted(table.columns, key=lambda column: column.name)


def key_columns(table: Table) -> list[Column[Any]]:
    """The primary key without the workspace."""
    return [column for column in table.primary_key.columns if column.name != "workspace_id"]


def sql_type(column: Column[Any]) -> str:
    return str(column.type.compile(postgresql.dialect()))  # type: ignore[no-untyped-call]
