"""Where an import stands."""

revision = "0010_imports"
down_revision = "0009_search"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
