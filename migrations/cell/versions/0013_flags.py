"""Flags, as this cell last heard them: one row, so that its processes start right with the control plane gone."""

import sqlalchemy as sa
from alembic import op

from migrations.isolation import APP_ROLE

revision = "0013_flags"
down_revision = "0012_transfer"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "flags",
        sa.Column("id", sa.SmallInteger, sa.CheckConstraint("id = 1", name="flags_one_row"), primary_key=True),
        sa.Column("registry_id", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("words", sa.LargeBinary, nullable=False),  # JSON
        sa.Column("checksum", sa.LargeBinary, nullable=False),  # SHA-256 of `words`
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )
    op.execute("REVOKE ALL ON flags FROM PUBLIC")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON flags TO {APP_ROLE}")


def downgrade() -> None:
    op.drop_table("flags")
