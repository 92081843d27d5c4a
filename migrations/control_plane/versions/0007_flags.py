"""Flags: what is switched off, for whom."""

revision = "0007_flags"
down_revision = "0006_fleet"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
