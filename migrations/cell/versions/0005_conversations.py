"""Roles, topics and purposes, pins and bookmarks."""

revision = "0005_conversations"
down_revision = "0004_presence"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
