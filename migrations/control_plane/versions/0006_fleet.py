"""Waves of migrations and rollouts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.isolation import APP_ROLE

revision = "0006_fleet"
down_revision = "0005_pacing"
branch_labels = None
depends_on = None

TABLES = ("rollouts", "rollout_cells")


def upgrade() -> None:
    op.create_table(
        "rollouts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("wave", sa.Integer, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("lease_holder", sa.Text, nullable=False, server_default=""),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("facts", postgresql.JSONB, nullable=False),
        sa.Column("problem", sa.Text, nullable=False, server_default=""),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("kind IN ('schema', 'code')", name="rollouts_kind_known"),
        sa.CheckConstraint(
            "state IN ('running', 'paused', 'halted', 'rolling_back', 'done', 'rolled_back', 'aborted')", name="rollouts_state_known"
        ),
    )
    # One at a time: two that change the same cells would each judge what the other has done.
    op.execute("CREATE UNIQUE INDEX rollouts_one ON rollouts ((true)) WHERE ended_at IS NULL")
    op.create_index("rollouts_created", "rollouts", ["created_at"])
    op.create_table(
        "rollout_cells",
        sa.Column("rollout_id", sa.Text, sa.ForeignKey("rollouts.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("cell", sa.Text, sa.ForeignKey("cells.name"), primary_key=True),
        sa.Column("wave", sa.Integer, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("facts", postgresql.JSONB, nullable=False),
        sa.Column("problem", sa.Text, nullable=False, server_default=""),
        sa.Column("stage_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint(
            "stage IN ('waiting', 'looking', 'working', 'baking', 'done', 'failed', 'undoing', 'undone')", name="rollout_cells_stage_known"
        ),
    )
    op.create_index("rollout_cells_wave", "rollout_cells", ["rollout_id", "wave"])
    for table in TABLES:
        op.execute(f"REVOKE ALL ON {table} FROM PUBLIC")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP_ROLE}")


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
