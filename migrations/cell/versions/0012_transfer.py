"""How far the copy of a workspace has come."""

revision = "0012_transfer"
down_revision = "0011_realtime"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
