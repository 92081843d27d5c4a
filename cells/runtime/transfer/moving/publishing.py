"""The giving side: a publication of one workspace's rows, and a role that may read and follow them.

The row filter stands on `workspace_id`, which is in every primary key: on a column outside the replica identity it would make
every other workspace's UPDATE fail. TRUNCATE passes filters by, so it is never published.
"""

import asyncpg
from sqlalchemy import Table

from cells.runtime.transfer.moving.names import readers_of, slot_of, stream_of
from cells.runtime.transfer.moving.owner import Owner, OwnerDatabase
from cells.runtime.transfer.moving.travelling import quoted
from chassis.identity import WorkspaceId

SLOT_GONE_S_MAX = 5.0
SLOT_TRIES_MAX = 3

_BOTH_THERE = "SELECT EXISTS (SELECT 1 FROM pg_publication WHERE pubname = $1) AND EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $2)"
_MAY_ALL = """
SELECT bool_and(has_table_privilege(r.oid, quote_ident(wanted.name), wanted.verb))
FROM pg_roles r, unnest($2::text[], $3::text[]) AS wanted (name, verb) WHERE r.rolname = $1
"""

_TABLES_OF = """
SELECT string_agg(pr.prrelid::regclass::text, ', ' ORDER BY pr.oid)
FROM pg_publication_rel pr JOIN pg_publication p ON p.oid = pr.prpubid WHERE p.pubname = $1
"""


async def publish(database: OwnerDatabase, tables: tuple[Table, ...], move_id: str, workspace_id: WorkspaceId) -> str:
    """Returns the connection string for the other cell. What is there already is left as it is."""
    name, role = stream_of(move_id), slot_of(move_id, database.database)
    async with database.connected() as connection:
        if not await connection.fetchval(_BOTH_THERE, name, role):
            await _let_read(connection, readers_of(database.database), tables)
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", role)  # the stream's name is the copy's lock
                await _role(connection, role, database.password_for(role), readers_of(database.database))
                await _publication(connection, name, tables, workspace_id)
    return database.connection_for(role)


async def _publication(connection: Owner, name: str, tables: tuple[Table, ...], workspace_id: WorkspaceId) -> None:
    if not await connection.fetchval("SELECT 1 FROM pg_publication WHERE pubname = $1", name):
        listed = ", ".join(f"{quoted(table)} WHERE (workspace_id = '{workspace_id}')" for table in tables)
        options = "publish = 'insert, update, delete', publish_via_partition_root = true"
        await connection.execute(f"CREATE PUBLICATION {name} FOR TABLE {listed} WITH ({options})")


async def _role(connection: Owner, name: str, password: str, readers: str) -> None:
    """Of one move, and dropped with it: signs in, and may what `readers` may.

    Its password is an HMAC of 256 bits, which nobody guesses: hashed 4,096 times it would only cost each connection 10 ms of CPU.
    """
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name):
        await connection.execute("SET LOCAL scram_iterations = 1")
        await connection.execute(f"CREATE ROLE {name} LOGIN REPLICATION BYPASSRLS IN ROLE {readers} PASSWORD '{password}'")


async def _let_read(connection: Owner, readers: str, tables: tuple[Table, ...]) -> None:
    """`readers` reads the tables, locks the tenancy row, writes marks; nobody signs in as it, and it stays when moves go.

    Rights of its own for each move would be written to every table twice a move, and every connection of the cell would have to
    read all of its catalogue again; two moves that begin together would stand in each other's way.
    """
    rights = [*((table.name, "SELECT") for table in tables), ("tenancy", "SELECT"), ("tenancy", "UPDATE")]
    rights += [("cursors", "INSERT"), ("cursors", "DELETE")]
    if await connection.fetchval(_MAY_ALL, readers, *map(list, zip(*rights, strict=True))):
        return
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", readers)
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", readers):
            await connection.execute(f"CREATE ROLE {readers} NOLOGIN")
        for table, right in rights:
            await connection.execute(f'GRANT {right} ON "{table}" TO {readers}')


async def unpublish(database: OwnerDatabase, move_id: str) -> None:
    """The slot (its reader is cut off), the publication, the role."""
    name = stream_of(move_id)
    slot = role = slot_of(move_id, database.database)
    async with database.connected() as connection:
        await _drop_slot(connection, slot)
        await _drop_publication(connection, name)
        if await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
            await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", role)
            await _drop_role(connection, role)


async def _drop_publication(connection: Owner, name: str) -> None:
    """Its tables leave it first: whoever changes a row lists its table's publications, then looks each of them up.

    One that is dropped in between fails that change with `cache lookup failed`: a neighbour's, or one that a subscription applies, which
    then rests for `wal_retrieve_retry_interval`. In the order in which they came: each is locked, and two that lock in different orders
    wait for one another.
    """
    tables = await connection.fetchval(_TABLES_OF, name)
    if tables:
        await connection.execute(f"ALTER PUBLICATION {name} DROP TABLE {tables}")
    await connection.execute(f"DROP PUBLICATION IF EXISTS {name}")


async def _drop_role(connection: Owner, role: str) -> None:
    try:
        await connection.execute(f"DROP ROLE IF EXISTS {role}")
    except asyncpg.DependentObjectsStillExistError:  # an older version gave each its own rights
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
