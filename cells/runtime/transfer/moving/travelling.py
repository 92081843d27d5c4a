"""Which tables a move carries, from the metadata alone: whatever is keyed by workspace. The tenancy row never travels by stream."""

from sqlalchemy import MetaData, Table

from cells.runtime.log.tables import cursors, due, log
from cells.runtime.tenancy import tenancy


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
    return ", ".join(f'"{column.name}"' for column in sorted(table.columns, key=lambda column: column.name))
