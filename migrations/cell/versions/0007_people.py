"""Sign-in, sessions, invitations, what accounts did; saved items, preferences, photos and custom emoji."""

import sqlalchemy as sa
from alembic import op

from migrations.isolation import protect_tenant_table

revision = "0007_people"
down_revision = "0006_messages"
branch_labels = None
depends_on = None

TABLES = ("credentials", "recovery_codes", "signin_links", "attempts", "invitations", "audits", "prefs", "stars", "emoji", "photos")


def upgrade() -> None:
    _tokens_and_users()
    _signing_in()
    _invitations_and_audits()
    _belongings()
    for name in TABLES:
        protect_tenant_table(name)


def downgrade() -> None:
    for name in reversed(TABLES):
        op.drop_table(name)
    op.drop_column("users", "has_2fa")
    op.drop_column("users", "tz")
    for name in ("address", "agent", "note", "kind", "expires_us"):
        op.drop_column("tokens", name)


def _tokens_and_users() -> None:
    op.add_column("tokens", sa.Column("expires_us", sa.BigInteger))
    op.add_column("tokens", sa.Column("kind", sa.Text, nullable=False, server_default="token"))
    for name in ("note", "agent", "address"):
        op.add_column("tokens", sa.Column(name, sa.Text, nullable=False, server_default=""))
    op.create_index("tokens_of_user", "tokens", ["workspace_id", "user_id"])
    op.add_column("users", sa.Column("tz", sa.Text, nullable=False, server_default="Etc/UTC"))
    op.add_column("users", sa.Column("has_2fa", sa.Boolean, nullable=False, server_default="false"))


def _signing_in() -> None:
    op.create_table(
        "credentials",
        *_key("user_id"),
        sa.Column("password_hash", sa.Text),
        sa.Column("totp_nonce", sa.LargeBinary),
        sa.Column("totp_confirmed", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("totp_step", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("changed_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "recovery_codes",
        *_key("user_id"),
        sa.Column("code_hash", sa.LargeBinary, primary_key=True),
        sa.Column("used_us", sa.BigInteger),
    )
    op.create_table(
        "signin_links",
        *_key(),
        sa.Column("link_hash", sa.LargeBinary, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("expires_us", sa.BigInteger, nullable=False),
        sa.Column("used_us", sa.BigInteger),
    )
    op.create_table(
        "attempts",
        *_key("subject"),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last_us", sa.BigInteger, nullable=False),
        sa.Column("blocked_until_us", sa.BigInteger, nullable=False),
    )
    op.create_index("attempts_by_age", "attempts", ["workspace_id", "last_us"])


def _invitations_and_audits() -> None:
    op.create_table(
        "invitations",
        *_key("invitation_id"),
        sa.Column("code_hash", sa.LargeBinary, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("real_name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("channel_ids", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("inviter_id", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("expires_us", sa.BigInteger, nullable=False),
        sa.Column("accepted_by", sa.Text),
        sa.Column("revoked_us", sa.BigInteger),
    )
    op.create_index("invitations_by_code", "invitations", ["workspace_id", "code_hash"], unique=True)
    op.create_table(
        "audits",
        *_key(),
        sa.Column("at_us", sa.BigInteger, primary_key=True),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )


def _belongings() -> None:
    op.create_table("prefs", *_key("user_id"), sa.Column("prefs", sa.Text, nullable=False))
    op.create_table(
        "stars",
        *_key("user_id", "item"),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("channel_id", sa.Text, nullable=False, server_default=""),
        sa.Column("ts_us", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("file_id", sa.Text, nullable=False, server_default=""),
        sa.Column("created_us", sa.BigInteger, nullable=False),
    )
    op.create_index("stars_by_time", "stars", ["workspace_id", "user_id", "created_us"])
    op.create_table(
        "emoji",
        *_key("name"),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("alias_for", sa.Text),
        sa.Column("creator_id", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "photos",
        *_key("photo_id"),
        sa.Column("size_px", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("image", sa.LargeBinary, nullable=False),
    )


def _key(*names: str) -> tuple[sa.Column[str], ...]:
    return tuple(sa.Column(name, sa.Text, primary_key=True) for name in ("workspace_id", *names))
