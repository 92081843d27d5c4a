"""Waves of migrations and rollouts."""

revision = "0006_fleet"
down_revision = "0005_pacing"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
