"""What the pace of moves is decided from."""

revision = "0005_pacing"
down_revision = "0004_load"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
