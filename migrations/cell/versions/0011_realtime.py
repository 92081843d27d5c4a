"""When people are not to be disturbed every day; who was active when everyone here was called."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0011_realtime"
down_revision = "0010_imports"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("standings", sa.Column("dnd_start", sa.Integer))  # minutes after midnight where the user is
    op.add_column("standings", sa.Column("dnd_end", sa.Integer))
    op.add_column("standings", sa.Column("dnd_ended_us", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("mentions", sa.Column("called", ARRAY(sa.Text)))  # NULL: all whom the target names


def downgrade() -> None:
    op.drop_column("mentions", "called")
    for column in ("dnd_ended_us", "dnd_end", "dnd_start"):
        op.drop_column("standings", column)
