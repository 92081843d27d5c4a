"""Load by workspace, and what rebalancing has decided."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.isolation import APP_ROLE

revision = "0004_load"
down_revision = "0003_addresses"
branch_labels = None
depends_on = None

TABLES = ("workspace_loads", "workspace_connections", "rebalance_runs", "rebalance_steps")


def upgrade() -> None:
    _loads()
    _runs()
    for table in TABLES:
        op.execute(f"REVOKE ALL ON {table} FROM PUBLIC")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP_ROLE}")


def _loads() -> None:
    op.create_table(
        "workspace_loads",
        sa.Column("workspace_id", sa.Text, sa.ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("events_per_s", sa.Float, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        postgresql_with={"fillfactor": 70},  # no column that changes is indexed: with room in the page, a report touches no index
    )
    op.create_table(
        "workspace_connections",
        sa.Column("cell", sa.Text, primary_key=True),
        sa.Column("process_id", sa.Text, primary_key=True),
        sa.Column("workspace_id", sa.Text, sa.ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("connections", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["cell", "process_id"], ["cell_processes.cell", "cell_processes.process_id"], ondelete="CASCADE"),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("workspace_connections_of", "workspace_connections", ["workspace_id"])


def _runs() -> None:
    op.create_table(
        "rebalance_runs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("lease_holder", sa.Text, nullable=False, server_default=""),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("facts", postgresql.JSONB, nullable=False),
        sa.Column("problem", sa.Text, nullable=False, server_default=""),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("state IN ('running', 'stopped', 'done')", name="rebalance_runs_state_known"),
    )
    # Two runs would each level what the other has just levelled.
    op.execute("CREATE UNIQUE INDEX rebalance_runs_one ON rebalance_runs (state) WHERE state = 'running'")
    op.create_index("rebalance_runs_created", "rebalance_runs", ["created_at"])
    op.create_table(
        "rebalance_steps",
        sa.Column("run_id", sa.Text, sa.ForeignKey("rebalance_runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("workspace_id", sa.Text, sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("move_id", sa.Text, nullable=False, server_default=""),
        sa.Column("facts", postgresql.JSONB, nullable=False),
        sa.Column("problem", sa.Text, nullable=False, server_default=""),
        sa.CheckConstraint("state IN ('waiting', 'starting', 'moving', 'done', 'failed', 'skipped')", name="rebalance_steps_state_known"),
    )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
