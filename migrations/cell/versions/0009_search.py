"""What is searched, and how far it is indexed."""

revision = "0009_search"
down_revision = "0008_files"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
