"""Moves: all that a controller knows of one is its row."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.isolation import APP_ROLE

revision = "0002_moves"
down_revision = "0001_registry"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "moves",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("workspace_id", sa.Text, sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("source", sa.Text, sa.ForeignKey("cells.name"), nullable=False),
        sa.Column("target", sa.Text, sa.ForeignKey("cells.name"), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("lease_holder", sa.Text, nullable=False, server_default=""),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("facts", postgresql.JSONB, nullable=False),
        sa.Column("problem", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("step_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("source <> target", name="moves_lead_elsewhere"),
        sa.CheckConstraint("state IN ('running', 'window', 'done', 'undone', 'rolled_back')", name="moves_state_known"),
    )
    # One move a workspace at a time: two would each believe that they decide.
    op.execute("CREATE UNIQUE INDEX moves_one_each ON moves (workspace_id) WHERE ended_at IS NULL")
    op.create_index("moves_created", "moves", ["created_at"])
    op.execute("REVOKE ALL ON moves FROM PUBLIC")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON moves TO {APP_ROLE}")


def downgrade() -> None:
    op.execute("DROP TABLE moves")
