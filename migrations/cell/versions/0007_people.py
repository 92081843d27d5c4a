"""Sign-in, sessions, invitations; saved items and custom emoji."""

revision = "0007_people"
down_revision = "0006_messages"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
