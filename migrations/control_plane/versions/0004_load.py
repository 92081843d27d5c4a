"""Load by workspace, and what rebalancing has decided."""

revision = "0004_load"
down_revision = "0003_addresses"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
