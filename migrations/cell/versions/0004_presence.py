"""What people say about themselves: their profile, whether they are away, until when they are not to be disturbed."""

import sqlalchemy as sa
from alembic import op

from migrations.isolation import protect_tenant_table

revision = "0004_presence"
down_revision = "0003_unread"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("profile", sa.Text, nullable=False, server_default="{}"))
    op.create_table(
        "standings",
        sa.Column("workspace_id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("manual_away", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("snooze_until_us", sa.BigInteger, nullable=False, server_default="0"),
    )
    protect_tenant_table("standings")


def downgrade() -> None:
    op.drop_table("standings")
    op.drop_column("users", "profile")
