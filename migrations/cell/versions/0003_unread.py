"""What is unread and who is called: nothing is stored a member and message, so a post costs the same in any channel."""

import sqlalchemy as sa
from alembic import op

from migrations.isolation import protect_tenant_table

revision = "0003_unread"
down_revision = "0002_chat"
branch_labels = None
depends_on = None

TABLES = ("mentions", "usergroups", "usergroup_members")


def upgrade() -> None:
    _heads()
    _mentions()
    _usergroups()
    for table in TABLES:
        protect_tenant_table(table)


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=True)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _time(name: str) -> sa.Column[int]:
    """Microseconds since 1970, UTC."""
    return sa.Column(name, sa.BigInteger, nullable=False)


def _heads() -> None:
    """A channel's last message and its number of members, which would else be looked for and counted each time they are shown."""
    op.add_column("channels", sa.Column("latest_us", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("channels", sa.Column("num_members", sa.BigInteger, nullable=False, server_default="0"))
    op.execute(_FILL)
    # Room on the page: these rows change with every post, and without a new index entry only where the page has room.
    op.execute("ALTER TABLE channels SET (fillfactor = 70)")
    op.execute("ALTER TABLE members SET (fillfactor = 85)")


def _mentions() -> None:
    op.create_table(
        "mentions",
        _key("workspace_id"),
        _key("channel_id"),
        sa.Column("ts_us", sa.BigInteger, primary_key=True),
        _key("target"),
        _text("author_id"),
    )
    op.execute("CREATE INDEX mentions_target ON mentions (workspace_id, channel_id, target, ts_us)")


def _usergroups() -> None:
    texts = ("name", "handle", "description", "channels", "created_by", "updated_by")
    op.create_table("usergroups", _key("workspace_id"), _key("usergroup_id"), *map(_text, texts), _time("created_us"), _time("updated_us"))
    op.execute("CREATE UNIQUE INDEX usergroups_name ON usergroups (workspace_id, lower(name))")
    op.execute("CREATE UNIQUE INDEX usergroups_handle ON usergroups (workspace_id, handle)")
    op.create_table("usergroup_members", _key("workspace_id"), _key("usergroup_id"), _key("user_id"))
    op.execute("CREATE INDEX usergroup_members_user ON usergroup_members (workspace_id, user_id)")


_FILL = """
UPDATE channels c SET
  num_members = (SELECT count(*) FROM members m WHERE m.workspace_id = c.workspace_id AND m.channel_id = c.channel_id),
  latest_us = coalesce((SELECT max(x.ts_us) FROM messages x WHERE x.workspace_id = c.workspace_id AND x.channel_id = c.channel_id
    AND (x.thread_us IS NULL OR x.broadcast) AND x.deleted_us IS NULL), 0)
"""


def downgrade() -> None:
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table}")
    op.drop_column("channels", "num_members")
    op.drop_column("channels", "latest_us")
