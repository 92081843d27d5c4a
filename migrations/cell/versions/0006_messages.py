"""Edits kept, messages sent later, reminders, and the times at which such work is due."""

import sqlalchemy as sa
from alembic import op

from migrations.isolation import protect_tenant_table

revision = "0006_messages"
down_revision = "0005_conversations"
branch_labels = None
depends_on = None

TABLES = ("due", "message_versions", "scheduled_messages", "reminders", "plans")


def upgrade() -> None:
    _due()
    _versions()
    _scheduled()
    _reminders()
    op.create_table("plans", _key("workspace_id"), _text("plan"), _time("since_us"))
    for table in TABLES:
        protect_tenant_table(table)
    # Ids and times alone, of every workspace: a worker asks once for the whole cell.
    op.execute("CREATE POLICY census ON due FOR SELECT USING (current_setting('waggle.census', true) = 'on')")


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=True)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _time(name: str) -> sa.Column[int]:
    """Microseconds since 1970, UTC."""
    return sa.Column(name, sa.BigInteger, nullable=False)


def _due() -> None:
    op.create_table("due", _key("workspace_id"), _key("name"), _key("key"), _time("due_us"))
    op.execute("CREATE INDEX due_at ON due (due_us)")


def _versions() -> None:
    op.create_table(
        "message_versions",
        _key("workspace_id"),
        _key("channel_id"),
        sa.Column("ts_us", sa.BigInteger, primary_key=True),
        sa.Column("until_us", sa.BigInteger, primary_key=True),
        _text("text"),
        sa.Column("extras", sa.Text),
        sa.Column("edited_us", sa.BigInteger),
        sa.Column("edited_by", sa.Text),
        _text("ended_by"),
        _text("ended_how"),
    )


def _scheduled() -> None:
    op.create_table(
        "scheduled_messages",
        _key("workspace_id"),
        _key("scheduled_id"),
        _text("channel_id"),
        _text("user_id"),
        sa.Column("bot_id", sa.Text),
        sa.Column("app_id", sa.Text),
        _text("text"),
        sa.Column("extras", sa.Text),
        sa.Column("thread_us", sa.BigInteger),
        sa.Column("broadcast", sa.Boolean, nullable=False, server_default="false"),
        _time("post_us"),
        _time("created_us"),
    )
    op.execute("CREATE INDEX scheduled_messages_user ON scheduled_messages (workspace_id, user_id, post_us)")
    op.execute("CREATE INDEX scheduled_messages_channel ON scheduled_messages (workspace_id, channel_id, post_us)")


def _reminders() -> None:
    op.create_table(
        "reminders",
        _key("workspace_id"),
        _key("reminder_id"),
        _text("creator_id"),
        _text("user_id"),
        _text("text"),
        _time("at_us"),
        _time("created_us"),
        sa.Column("fired_us", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("complete_us", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.execute("CREATE INDEX reminders_user ON reminders (workspace_id, user_id, at_us)")
    op.execute("CREATE INDEX reminders_creator ON reminders (workspace_id, creator_id)")
    op.execute("CREATE INDEX reactions_user ON reactions (workspace_id, user_id, created_us)")


def downgrade() -> None:
    op.execute("DROP INDEX reactions_user")
    for table in reversed(TABLES):
        op.drop_table(table)
