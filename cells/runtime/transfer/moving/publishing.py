"""The giving side: a publication of one workspace's rows, and a role that may read and follow them.

The row filter stands on `workspace_id`, which is in every primary key: on a column outside the replica identity it would make
every other workspace's UPDATE fail. TRUNCATE passes filters by, so it is never published.
"""

import asyncpg
from sqlalchemy import Table

from cells.runtime.transfer.moving.names import slot_of, stream_of
from cells.runtime.transfer.moving.owner import Owner, OwnerDatabase
from cells.runtime.transfer.moving.travelling import quoted
from chassis.identity import WorkspaceId

SLOT_GONE_S_MAX = 5.0
SLOT_TRIES_MAX = 3


async def publish(database: OwnerDatabase, tables: tuple[Table, ...], move_id: str, workspace_id: WorkspaceId) -> str:
    """Returns the connection string for the other cell. What is there already is left as it is."""
    name, role = stream_of(move_id), slot_of(move_id, database.database)
    async with database.connected() as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", name)
        await _role(connection, role, database.password_for(role), tables)
        if not await connection.fetchval("SELECT 1 FROM pg_publication WHERE pubname = $1", name):
            listed = ", ".join(f"{quoted(table)} WHERE (workspace_id = '{workspace_id}')" for table in tables)
            options = "publish = 'insert, update, delete', publish_via_partition_root = true"
            await connection.execute(f"CREATE PUBLICATION {name} FOR TABLE {listed} WITH ({options})")
    return database.connection_for(role)


async def _role(connection: Owner, name: str, password: str, tables: tuple[Table, ...]) -> None:
    """Reads the tables past row-level security, locks the tenancy row, writes marks; dropped with the move."""
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name):
        await connection.execute(f"CREATE ROLE {name} LOGIN REPLICATION BYPASSRLS PASSWORD '{password}'")
    await connection.execute(f"GRANT SELECT ON {', '.join(map(quoted, tables))} TO {name}")
    await connection.execute(f"GRANT SELECT, UPDATE ON tenancy TO {name}")
    await connection.execute(f"GRANT INSERT, DELETE ON cursors TO {name}")


async def unpublish(database: OwnerDatabase, move_id: str) -> None:
    """The slot (its reader is cut off), the publication, the role."""
    name = stream_of(move_id)
    slot = role = slot_of(move_id, database.database)
    async with database.connected() as connection:
        await _drop_slot(connection, slot)
        await connection.execute(f"DROP PUBLICATION IF EXISTS {name}")
        if await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
            await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", role)
            await connection.execute(f"DROP OWNED BY {role}")
            await connection.execute(f"DROP ROLE IF EXISTS {role}")


async def _drop_slot(connection: Owner, slot: str) -> None:
    """An orphan would keep WAL for ever. Its readers are told to go, again where one comes back at once; otherwise the verb is said again.

    Temporary ones, of proofs, go with their connections.
    """
    held = (
        "SELECT active_pid, temporary FROM pg_replication_slots WHERE slot_name = $1 OR temporary AND starts_with(slot_name, $1 || '_p_')"
    )
    for left in reversed(range(SLOT_TRIES_MAX)):
        found = await connection.fetch(held, slot)
        for row in found:
            if row["active_pid"] is not None:
                await connection.fetchval("SELECT pg_terminate_backend($1, $2)", row["active_pid"], int(SLOT_GONE_S_MAX * 1000))
        if all(row["temporary"] for row in found):
            return
        try:
            await connection.execute("SELECT pg_drop_replication_slot($1)", slot)
        except asyncpg.ObjectInUseError:
            if not left:
                raise
        else:
            return
