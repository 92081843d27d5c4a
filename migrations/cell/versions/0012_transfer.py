"""How far the copy of a workspace has come. Of the cell and not of a workspace: it never travels."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012_transfer"
down_revision = "0011_realtime"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "copies",
        sa.Column("move_id", sa.Text, primary_key=True),
        sa.Column("position", sa.Text, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("places", JSONB, nullable=False),
    )
    op.execute("ALTER TABLE copies ALTER COLUMN position TYPE pg_lsn USING position::pg_lsn")
    op.execute("REVOKE ALL ON copies FROM PUBLIC")


def downgrade() -> None:
    op.drop_table("copies")
