"""Deleting a workspace's rows where it is not at home, in parts small enough that the neighbours notice nothing."""

import time

from sqlalchemy import Table

from cells.runtime.transfer.moving.errors import CannotMove
from cells.runtime.transfer.moving.keyset import with_rows
from cells.runtime.transfer.moving.names import PREFIX
from cells.runtime.transfer.moving.owner import Owner
from cells.runtime.transfer.moving.pacing import Pace, Portion
from cells.runtime.transfer.moving.travelling import quoted
from chassis.identity import WorkspaceId

PART_ROWS_MAX = 5_000
PART_S_MAX = 0.5
"""With its rests: a slower or faster pace is heard with the next one."""


async def purge_part(connection: Owner, tables: tuple[Table, ...], workspace_id: WorkspaceId, pace: Pace | None = None) -> int:
    """Delete at most `PART_ROWS_MAX` rows; 0 when there are none. Raises CannotMove for a workspace that is owned or published here.

    A deletion that somebody follows would be applied at the owner: the whole workspace would be lost.
    """
    await _check(connection, workspace_id)
    deleted, until_s = 0, time.monotonic() + PART_S_MAX
    for table in reversed(await with_rows(connection, tables, workspace_id)):  # those that others refer to last
        portion, whole = Portion(pace or Pace()), False
        while not whole:
            rows_max = portion.of(PART_ROWS_MAX - deleted)
            gone = await _delete(connection, table, workspace_id, rows_max)
            deleted, whole = deleted + gone, gone < rows_max
            await portion.done(gone)
            if deleted >= PART_ROWS_MAX or time.monotonic() >= until_s:
                return deleted
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
