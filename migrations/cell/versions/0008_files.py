"""Files and where they are shared."""

revision = "0008_files"
down_revision = "0007_people"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
