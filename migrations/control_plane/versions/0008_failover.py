"""Workspaces that were given to another cell because theirs was lost, and how far that has been carried out."""

import sqlalchemy as sa
from alembic import op

from migrations.isolation import APP_ROLE

revision = "0008_failover"
down_revision = "0007_flags"
branch_labels = None
depends_on = None


BEFORE = ("provisioning", "active", "draining", "retired")


def upgrade() -> None:
    _states(*BEFORE, "lost")
    op.create_table(
        "failovers",
        sa.Column("workspace_id", sa.Text, sa.ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("epoch", sa.BigInteger, primary_key=True),  # of the new owner
        sa.Column("source", sa.Text, sa.ForeignKey("cells.name"), nullable=False),
        sa.Column("target", sa.Text, sa.ForeignKey("cells.name"), nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("problem", sa.Text, nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
    )
    op.create_index("failovers_unfinished", "failovers", ["source"], postgresql_where=sa.text("stage <> 'done'"))
    op.execute("REVOKE ALL ON failovers FROM PUBLIC")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON failovers TO {APP_ROLE}")


def downgrade() -> None:
    op.execute("UPDATE cells SET state = 'draining' WHERE state = 'lost'")
    _states(*BEFORE)
    op.drop_table("failovers")


def _states(*states: str) -> None:
    op.drop_constraint("cells_state", "cells")
    op.create_check_constraint("cells_state", "cells", sa.column("state").in_(states))
