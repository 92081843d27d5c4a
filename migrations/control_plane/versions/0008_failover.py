"""Backups of cells, and regions that failed over."""

revision = "0008_failover"
down_revision = "0007_flags"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
