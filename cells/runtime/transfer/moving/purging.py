"""Deleting a workspace's rows where it is not at home, in parts small enough that the neighbours notice nothing."""

from sqlalchemy import Table

from cells.runtime.transfer.moving.errors import CannotMove
from cells.runtime.transfer.moving.keyset import with_rows
from cells.runtime.transfer.moving.names import PREFIX
from cells.runtime.transfer.moving.owner import Owner
from cells.runtime.transfer.moving.travelling import quoted
from chassis.identity import WorkspaceId

PART_ROWS_MAX = 5_000


async def purge_part(connection: Owner, tables: tuple[Table, ...], workspace_id: WorkspaceId) -> int:
    """Delete at most `PART_ROWS_MAX` rows; 0 when there are none. Raises CannotMove for a workspace that is owned or published here.

    A deletion that somebody follows would be applied at the owner: the whole workspace would be lost.
    """
    await _check(connection, workspace_id)
    deleted = 0
    for table in reversed(await with_rows(connection, tables, workspace_id)):  # those that others refer to last
        deleted += await _delete(connection, table, workspace_id, PART_ROWS_MAX - deleted)
        if deleted >= PART_ROWS_MAX:
            break
    return deleted


async def delete_rows(connection: Owner, tables: tuple[Table, ...], workspace_id: WorkspaceId) -> None:
    """All of them, part by part."""
    while await purge_part(connection, tables, workspace_id):
        pass


async def _check(connection: Owner, workspace_id: WorkspaceId) -> None:
    state = await connection.fetchval("SELECT state FROM tenancy WHERE workspace_id = $1", workspace_id)
    if state not in (None, "moved", "incoming"):
        raise CannotMove(f"workspace {workspace_id} is {state} here: its rows stay")
    published = "SELECT pubname FROM pg_publication_tables WHERE pubname LIKE $1 AND strpos(rowfilter, $2) > 0 LIMIT 1"
    if name := await connection.fetchval(published, f"{PREFIX}%", f"'{workspace_id}'"):
        raise CannotMove(f"{name} still publishes workspace {workspace_id}: deletions would travel")


async def _delete(connection: Owner, table: Table, workspace_id: WorkspaceId, rows_max: int) -> int:
    """By key, not by ctid: a partitioned table has one ctid in every partition."""
    key = ", ".join(f'"{column.name}"' for column in table.primary_key.columns)
    name = quoted(table)
    part = f"SELECT {key} FROM {name} WHERE workspace_id = $1 LIMIT $2"
    answer = await connection.execute(f"DELETE FROM {name} WHERE workspace_id = $1 AND ({key}) IN ({part})", workspace_id, rows_max)
    return int(answer.rpartition(" ")[2])
