"""What makes a table a tenant's: row-level security that its own owner cannot step around, and the rights of `waggle_app`.

The policy compares `workspace_id` with the setting `waggle.workspace_id` of the transaction. Without the setting the
comparison is with NULL (or an empty string, where a pooled session had it before), so nothing is seen and nothing goes in.
"""

import re

from alembic import op
from sqlalchemy import Connection, text

APP_ROLE = "waggle_app"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_DML = "SELECT, INSERT, UPDATE, DELETE"


def protect_tenant_table(name: str, privileges: str = _DML) -> None:
    """Row-level security (on, forced, one policy) and `waggle_app`'s rights on a table whose key starts with workspace_id."""
    for statement in protection_of(name, privileges):
        op.execute(statement)


def protection_of(name: str, privileges: str = _DML) -> tuple[str, ...]:
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a table name: {name!r}")
    mine = "workspace_id = current_setting('waggle.workspace_id', true)"
    return (
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant ON {name} USING ({mine}) WITH CHECK ({mine})",
        f"REVOKE ALL ON {name} FROM PUBLIC",
        f"GRANT {privileges} ON {name} TO {APP_ROLE}",
    )


def secure_app_role(connection: Connection, password: str | None) -> None:
    """Make the role the planes work as, or take back what it must not have; set its password where one is given."""
    connection.execute(text(_CREATE_ROLE))
    connection.execute(text(f"ALTER ROLE {APP_ROLE} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE"))
    if password is not None:
        quoted = connection.execute(text("SELECT quote_literal(:password)"), {"password": password}).scalar_one()
        connection.exec_driver_sql(f"ALTER ROLE {APP_ROLE} PASSWORD {quoted}")


_CREATE_ROLE = f"""
DO $$ BEGIN
  CREATE ROLE {APP_ROLE};
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- a role is the whole server's: another database has made it
END $$
"""
