"""I7: the application's role sees and writes one workspace, whatever SQL it says."""

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from cells.runtime.log import tables
from cells.runtime.tenancy import RoleBypassesIsolation, TenantScope, open_database, runtime_metadata
from chassis.identity import WorkspaceId
from tests.harness.databases import FreshDatabase
from tests.harness.workspaces import Say, a_log, a_workspace, execute

pytestmark = pytest.mark.anyio

KEYS = """
SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, c.relispartition,
  (SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
   WHERE i.indrelid = c.oid AND i.indisprimary) AS first_key,
  (SELECT count(*) FROM pg_policy p
   WHERE p.polrelid = c.oid AND pg_get_expr(p.polqual, p.polrelid) LIKE '%waggle.workspace_id%') AS policies
FROM pg_class c
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
  AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped)
"""
PLATFORM_TABLES = {"alembic_version": {"SELECT"}, "copies": set(), "flags": {"SELECT", "INSERT", "UPDATE"}}
"""Of the cell, not of a workspace, and what the application may do with them."""
EVERY_TABLE = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
RIGHTS = """
SELECT table_name, privilege_type FROM information_schema.role_table_grants
WHERE grantee IN ('waggle_app', 'PUBLIC') AND table_schema = 'public'
"""


async def test_raw_sql_sees_the_scope_alone(cell_database: FreshDatabase) -> None:
    mine, theirs = await a_workspace(cell_database.owner_url), await a_workspace(cell_database.owner_url)
    async with a_log(cell_database.app_url) as (database, log):
        await log.commit(mine, Say("mine"))
        await log.commit(theirs, Say("theirs"))
        async with database.reading(mine) as connection:
            for table in ("tenancy", "log"):
                rows = await connection.exec_driver_sql(f"SELECT workspace_id FROM {table}")
                assert [row.workspace_id for row in rows] == [mine.workspace_id]


async def test_without_a_scope_there_is_nothing(cell_database: FreshDatabase) -> None:
    mine = await a_workspace(cell_database.owner_url)
    async with a_log(cell_database.app_url) as (_, log):
        await log.commit(mine, Say("mine"))
    connection = await asyncpg.connect(cell_database.app_url)
    try:
        for table in ("tenancy", "log", "cursors"):
            assert await connection.fetch(f"SELECT * FROM {table}") == []
        async with connection.transaction():
            await connection.execute(f"SET LOCAL waggle.workspace_id = '{mine.workspace_id}'")
            assert await connection.fetchval("SELECT count(*) FROM log") == 1
        assert await connection.fetchval("SELECT count(*) FROM log") == 0
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO log (workspace_id, seq, ts_us, kind, audience, payload) VALUES ('{theirs}', 99, 99, 'x', '{{x}}', 'x')",
        "INSERT INTO cursors (workspace_id, name, seq) VALUES ('{theirs}', 'x', 1)",
        "UPDATE tenancy SET workspace_id = '{theirs}x'",
        "ALTER TABLE log DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant ON log",
        "SET ROLE waggle",
        "TRUNCATE log",
        "DELETE FROM log",
        "SELECT * FROM log_default",
        "SELECT * FROM pg_authid",
    ],
)
async def test_another_tenant_cannot_be_written_nor_isolation_taken_off(cell_database: FreshDatabase, statement: str) -> None:
    mine, theirs = await a_workspace(cell_database.owner_url), await a_workspace(cell_database.owner_url)
    async with open_database(cell_database.app_url) as database:
        with pytest.raises(DBAPIError, match=r"row-level security|must be owner|permission denied"):
            async with database.writing(mine) as connection:
                await connection.exec_driver_sql(statement.format(theirs=theirs.workspace_id))


async def test_another_tenants_rows_are_not_there_to_be_changed(cell_database: FreshDatabase) -> None:
    mine, theirs = await a_workspace(cell_database.owner_url), await a_workspace(cell_database.owner_url)
    async with open_database(cell_database.app_url) as database, database.writing(mine) as connection:
        changed = await connection.exec_driver_sql(f"UPDATE tenancy SET epoch = 9 WHERE workspace_id = '{theirs.workspace_id}'")
        assert changed.rowcount == 0


async def test_the_census_reads_tenancy_and_nothing_else_and_writes_nothing(cell_database: FreshDatabase) -> None:
    mine, theirs = await a_workspace(cell_database.owner_url), await a_workspace(cell_database.owner_url)
    async with a_log(cell_database.app_url) as (database, log):
        await log.commit(mine, Say("mine"))
        async with database.census() as connection:
            rows = await connection.exec_driver_sql("SELECT workspace_id FROM tenancy")
            assert {row.workspace_id for row in rows} == {mine.workspace_id, theirs.workspace_id}
            assert (await connection.exec_driver_sql("SELECT 1 FROM log")).all() == []
        async with database.upkeep() as connection:
            await connection.exec_driver_sql("SET LOCAL waggle.census = 'on'")
            assert (await connection.exec_driver_sql("UPDATE tenancy SET epoch = 9")).rowcount == 0


async def test_a_scope_cannot_carry_sql() -> None:
    with pytest.raises(ValueError, match="not a workspace id"):
        TenantScope(WorkspaceId("T1'; SET ROLE postgres; --"), 1)


async def test_every_tenant_table_is_protected(cell_database: FreshDatabase) -> None:
    """By subtraction over the catalogue: a table that somebody adds without protection makes this fail."""
    rows = await execute(cell_database.owner_url, KEYS)
    unprotected = {row["relname"] for row in rows if not (row["relrowsecurity"] and row["relforcerowsecurity"])}
    misplaced = {row["relname"] for row in rows if row["first_key"] != "workspace_id"}
    without_policy = {row["relname"] for row in rows if not row["policies"] and not row["relispartition"]}
    assert (unprotected, misplaced, without_policy) == (set(), set(), set())
    everything = {row["relname"] for row in await execute(cell_database.owner_url, EVERY_TABLE)}
    assert everything - {row["relname"] for row in rows} == set(PLATFORM_TABLES)
    assert set(runtime_metadata.tables) - everything == set() and tables.log.name in everything


async def test_the_application_has_no_more_rights_than_it_needs(cell_database: FreshDatabase) -> None:
    rights = {(row["table_name"], row["privilege_type"]) for row in await execute(cell_database.owner_url, RIGHTS)}
    partitions = {row["relname"] for row in await execute(cell_database.owner_url, KEYS) if row["relispartition"]}
    assert {right for _, right in rights} <= {"SELECT", "INSERT", "UPDATE", "DELETE"}
    assert {table for table, _ in rights} & partitions == set()
    for name, allowed in PLATFORM_TABLES.items():
        assert {right for table, right in rights if table == name} == allowed
    assert {right for table, right in rights if table == "log"} == {"SELECT", "INSERT"}


async def test_the_cell_does_not_serve_as_a_role_that_bypasses_isolation(cell_database: FreshDatabase) -> None:
    async with open_database(cell_database.owner_url) as database:
        with pytest.raises(RoleBypassesIsolation, match="bypasses row-level security"):
            await database.check_role()
    async with open_database(cell_database.app_url) as database:
        await database.check_role()
