"""The registry: cells, workspaces, the directory's version, tokens, audit."""

import secrets

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.isolation import APP_ROLE

revision = "0001_registry"
down_revision = None
branch_labels = None
depends_on = None

TABLES = ("directory", "cells", "cell_processes", "workspaces", "routers", "admin_tokens", "audit")


def upgrade() -> None:
    _directory()
    _cells()
    _workspaces()
    _people()
    for table in TABLES:
        op.execute(f"REVOKE ALL ON {table} FROM PUBLIC")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP_ROLE}")


def _directory() -> None:
    table = op.create_table(
        "directory",
        sa.Column("id", sa.SmallInteger, sa.CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
        sa.Column("registry_id", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    # Made once for a database: routers that hold routes of another registry throw them away.
    op.bulk_insert(table, [{"id": 1, "registry_id": secrets.token_hex(8), "version": 1}])
    op.create_table(
        "routers",
        sa.Column("router_id", sa.Text, primary_key=True),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
    )


def _cells() -> None:
    op.create_table(
        "cells",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("dedicated", sa.Boolean, nullable=False),
        sa.Column("capacity_workspaces", sa.Integer, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False, index=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint("state IN ('provisioning', 'active', 'draining', 'retired')", name="cells_state"),
    )
    op.create_table(
        "cell_processes",
        sa.Column("cell", sa.Text, sa.ForeignKey("cells.name"), primary_key=True),
        sa.Column("process_id", sa.Text, primary_key=True),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("schema_revision", sa.Text, nullable=False),
        sa.Column("workspaces", sa.Integer, nullable=False),
        sa.Column("connections", sa.Integer, nullable=False),
        sa.Column("messages_per_s", sa.Float, nullable=False),
        sa.Column("database_bytes", sa.BigInteger, nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=False),
        postgresql_with={"fillfactor": 50},  # a row is rewritten every 2 s
    )


def _workspaces() -> None:
    states = "state IN ('creating', 'active', 'suspending', 'suspended', 'resuming', 'gone')"
    op.create_table(
        "workspaces",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("subdomain", sa.Text, nullable=False, unique=True),
        sa.Column("cell", sa.Text, sa.ForeignKey("cells.name"), nullable=False, index=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("pins", postgresql.JSONB, nullable=False),
        sa.Column("owner_email", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("problem", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint(states, name="workspaces_state_known"),
    )
    op.create_index("workspaces_version", "workspaces", ["version"])
    op.create_index("workspaces_state", "workspaces", ["state"])


def _people() -> None:
    op.create_table(
        "admin_tokens",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
    )
