"""Edits kept, messages sent later, reminders."""

revision = "0006_messages"
down_revision = "0005_conversations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
