"""Which workspaces an address is in, by its hash, as the cells report it."""

import sqlalchemy as sa
from alembic import op

from migrations.isolation import APP_ROLE

revision = "0003_addresses"
down_revision = "0002_moves"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "address_reports",
        sa.Column("workspace_id", sa.Text, sa.ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "addresses",
        sa.Column("address_hash", sa.LargeBinary, primary_key=True),
        sa.Column("workspace_id", sa.Text, sa.ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    )
    op.create_index("addresses_of_workspace", "addresses", ["workspace_id"])
    for table in ("address_reports", "addresses"):
        op.execute(f"REVOKE ALL ON {table} FROM PUBLIC")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP_ROLE}")


def downgrade() -> None:
    op.drop_table("addresses")
    op.drop_table("address_reports")
