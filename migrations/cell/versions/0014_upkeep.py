"""Retention and partitions kept ahead."""

revision = "0014_upkeep"
down_revision = "0013_flags"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
