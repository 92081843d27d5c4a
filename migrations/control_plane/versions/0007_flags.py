"""Flags: what is switched off, for whom, by whom and why. Of each process of a cell, which version of them it obeys, and what it tells
of its database."""

import sqlalchemy as sa
from alembic import op

from migrations.isolation import APP_ROLE

revision = "0007_flags"
down_revision = "0006_fleet"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "flags",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("cell", sa.Text, primary_key=True),  # empty: not of one cell
        sa.Column("workspace_id", sa.Text, primary_key=True),  # empty: not of one workspace
        sa.Column("is_on", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("set_by", sa.Text, nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint("cell = '' OR workspace_id = ''", name="flags_scope"),
    )
    op.execute("REVOKE ALL ON flags FROM PUBLIC")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON flags TO {APP_ROLE}")
    op.add_column("directory", sa.Column("flags_version", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("cell_processes", sa.Column("flags_version", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("cell_processes", sa.Column("upkeep", sa.LargeBinary))


def downgrade() -> None:
    op.drop_column("cell_processes", "upkeep")
    op.drop_column("cell_processes", "flags_version")
    op.drop_column("directory", "flags_version")
    op.drop_table("flags")
