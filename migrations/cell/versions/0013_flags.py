"""Flags, as this cell last heard them."""

revision = "0013_flags"
down_revision = "0012_transfer"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
