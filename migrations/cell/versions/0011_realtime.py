"""When people are not to be disturbed."""

revision = "0011_realtime"
down_revision = "0010_imports"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
