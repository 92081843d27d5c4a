"""What the pace of moves is decided from: the vital signs of cell processes, and what was decided of each cell last."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.isolation import APP_ROLE

revision = "0005_pacing"
down_revision = "0004_load"
branch_labels = None
depends_on = None


VITALS = {
    "interval_s": sa.Float,
    "requests": sa.BigInteger,
    "errors": sa.BigInteger,
    "p50_ms": sa.Float,
    "p99_ms": sa.Float,
    "ready": sa.Boolean,
    "replication_lag_bytes": sa.BigInteger,
    "wal_retained_bytes": sa.BigInteger,
}


def upgrade() -> None:
    for name, kind in VITALS.items():  # NULL: a process that does not tell
        op.add_column("cell_processes", sa.Column(name, kind))
    op.create_table(
        "paces",
        sa.Column("cell", sa.Text, sa.ForeignKey("cells.name"), primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("state", JSONB, nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )
    op.create_index("moves_ended", "moves", ["ended_at"])  # which run, and which ended a moment ago
    op.execute("REVOKE ALL ON paces FROM PUBLIC")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON paces TO {APP_ROLE}")


def downgrade() -> None:
    op.drop_index("moves_ended")
    op.drop_table("paces")
    for name in VITALS:
        op.drop_column("cell_processes", name)
