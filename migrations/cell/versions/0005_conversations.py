"""Roles, who set topics and purposes, names before, what was closed, pins and bookmarks, user groups that are switched off."""

import sqlalchemy as sa
from alembic import op

from migrations.isolation import protect_tenant_table

revision = "0005_conversations"
down_revision = "0004_presence"
branch_labels = None
depends_on = None

TABLES = ("pins", "bookmarks")


def upgrade() -> None:
    _roles()
    _channels()
    _usergroups()
    _pins()
    _bookmarks()
    for table in TABLES:
        protect_tenant_table(table)


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=True)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _time(name: str) -> sa.Column[int]:
    """Microseconds since 1970, UTC; 0: never."""
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


def _roles() -> None:
    op.add_column("users", sa.Column("role", sa.Text, nullable=False, server_default="member"))
    op.execute("UPDATE users SET role = CASE WHEN bot_id IS NOT NULL THEN 'bot' WHEN is_owner THEN 'primary_owner' ELSE 'member' END")
    op.drop_column("users", "is_owner")
    op.execute("CREATE INDEX users_guests ON users (workspace_id, user_id) WHERE role IN ('guest', 'single_guest')")


def _channels() -> None:
    for column in (_text("topic_by"), _time("topic_us"), _text("purpose_by"), _time("purpose_us"), _text("previous_names")):
        op.add_column("channels", column)
    op.execute("UPDATE channels SET purpose_by = creator_id, purpose_us = created_us WHERE purpose <> ''")
    op.execute("UPDATE channels SET topic_by = creator_id, topic_us = created_us WHERE topic <> ''")
    # All public channels, page by page.
    op.execute("CREATE INDEX channels_public ON channels (workspace_id, channel_id) WHERE kind = 'public_channel'")
    op.add_column("members", _time("closed_us"))
    # The channels of a user page by page, in the order of ids.
    op.execute("DROP INDEX members_user")
    op.execute("CREATE INDEX members_user ON members (workspace_id, user_id, channel_id)")


def _usergroups() -> None:
    op.add_column("usergroups", _time("deleted_us"))
    op.add_column("usergroups", _text("deleted_by"))


def _pins() -> None:
    op.create_table(
        "pins",
        _key("workspace_id"),
        _key("channel_id"),
        sa.Column("ts_us", sa.BigInteger, primary_key=True),
        _text("user_id"),
        _time("created_us"),
    )


def _bookmarks() -> None:
    texts = ("title", "link", "emoji", "created_by", "updated_by")
    op.create_table(
        "bookmarks",
        _key("workspace_id"),
        _key("channel_id"),
        _key("bookmark_id"),
        *map(_text, texts),
        _time("created_us"),
        _time("updated_us"),
    )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    for name in ("deleted_by", "deleted_us"):
        op.drop_column("usergroups", name)
    op.execute("DROP INDEX members_user")
    op.execute("CREATE INDEX members_user ON members (workspace_id, user_id)")
    op.drop_column("members", "closed_us")
    op.execute("DROP INDEX channels_public")
    for name in ("previous_names", "purpose_us", "purpose_by", "topic_us", "topic_by"):
        op.drop_column("channels", name)
    op.execute("DROP INDEX users_guests")
    op.add_column("users", sa.Column("is_owner", sa.Boolean, nullable=False, server_default="false"))
    op.execute("UPDATE users SET is_owner = role IN ('primary_owner', 'owner')")
    op.drop_column("users", "role")
