"""Chat's tables: who is here, where they talk, what they said."""

import sqlalchemy as sa
from alembic import op

from migrations.isolation import APP_ROLE, protect_tenant_table

revision = "0002_chat"
down_revision = "0001_runtime"
branch_labels = None
depends_on = None

TABLES = ("teams", "users", "bots", "tokens", "channels", "members", "messages", "reactions")


def upgrade() -> None:
    _people()
    _channels()
    _messages()
    _reactions()
    for table in TABLES:
        protect_tenant_table(table)


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=True)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _time(name: str) -> sa.Column[int]:
    """Microseconds since 1970, UTC."""
    return sa.Column(name, sa.BigInteger, nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default="false")


def _people() -> None:
    names = ("name", "domain", "owner_id", "bot_user_id", "general_id")
    op.create_table("teams", _key("workspace_id"), *map(_text, names), _time("created_us"))
    op.create_table(
        "users",
        _key("workspace_id"),
        _key("user_id"),
        _text("name"),
        _text("real_name"),
        sa.Column("email", sa.Text),
        sa.Column("bot_id", sa.Text),
        sa.Column("app_id", sa.Text),
        _flag("is_owner"),
        _flag("deleted"),
        _time("created_us"),
        _time("updated_us"),
    )
    op.execute("CREATE UNIQUE INDEX users_email ON users (workspace_id, lower(email)) WHERE email IS NOT NULL")
    op.execute("CREATE UNIQUE INDEX users_name ON users (workspace_id, name)")
    op.create_table("bots", _key("workspace_id"), _key("bot_id"), _text("app_id"), _text("user_id"), _text("name"), _time("created_us"))
    op.create_table(
        "tokens",
        _key("workspace_id"),
        sa.Column("token_hash", sa.LargeBinary, primary_key=True),
        _text("user_id"),
        sa.Column("scopes", sa.ARRAY(sa.Text), nullable=False),
        _time("created_us"),
        sa.Column("revoked_us", sa.BigInteger),
    )


def _channels() -> None:
    op.create_table(
        "channels",
        _key("workspace_id"),
        _key("channel_id"),
        _text("kind"),
        _text("name"),
        _text("creator_id"),
        _time("created_us"),
        _time("updated_us"),
        _flag("archived"),
        _flag("is_general"),
        _text("topic"),
        _text("purpose"),
        _text("people"),
    )
    op.execute("CREATE UNIQUE INDEX channels_name ON channels (workspace_id, name) WHERE people = ''")
    op.execute("CREATE UNIQUE INDEX channels_people ON channels (workspace_id, people) WHERE people <> ''")
    op.create_table("members", _key("workspace_id"), _key("channel_id"), _key("user_id"), _time("joined_us"), _time("last_read_us"))
    op.execute("CREATE INDEX members_user ON members (workspace_id, user_id)")


def _messages() -> None:
    op.create_table(
        "messages",
        _key("workspace_id"),
        _key("channel_id"),
        sa.Column("ts_us", sa.BigInteger, primary_key=True),
        _text("user_id"),
        _text("text"),
        sa.Column("bot_id", sa.Text),
        sa.Column("app_id", sa.Text),
        sa.Column("thread_us", sa.BigInteger),
        sa.Column("parent_user_id", sa.Text),
        _flag("broadcast"),
        sa.Column("client_msg_id", sa.Text),
        sa.Column("extras", sa.Text),
        sa.Column("edited_us", sa.BigInteger),
        sa.Column("edited_by", sa.Text),
        sa.Column("deleted_us", sa.BigInteger),
        postgresql_partition_by="RANGE (ts_us)",
    )
    op.execute("CREATE INDEX messages_thread ON messages (workspace_id, channel_id, thread_us, ts_us) WHERE thread_us IS NOT NULL")
    # A unique index would have to hold ts_us; that a retry is posted once is checked under the workspace's fence instead.
    op.execute("CREATE INDEX messages_client ON messages (workspace_id, client_msg_id) WHERE client_msg_id IS NOT NULL")
    op.execute("CREATE TABLE messages_default PARTITION OF messages DEFAULT")
    op.execute("ALTER TABLE messages_default ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE messages_default FORCE ROW LEVEL SECURITY")
    op.execute(MAKE_MESSAGE_PARTITIONS)
    op.execute("REVOKE ALL ON FUNCTION make_message_partitions(int) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION make_message_partitions(int) TO {APP_ROLE}")
    op.execute("SELECT make_message_partitions(12)")


def _reactions() -> None:
    op.create_table(
        "reactions",
        _key("workspace_id"),
        _key("channel_id"),
        sa.Column("ts_us", sa.BigInteger, primary_key=True),
        _key("name"),
        _key("user_id"),
        _time("created_us"),
    )


# A partition a month (UTC), named after it, made ahead of time so that no writer waits for one; what falls outside lies in
# messages_default. No policy on a partition: through the parent the parent's counts, and straight at the partition
# row-level security without a policy shows nothing.
MAKE_MESSAGE_PARTITIONS = """
CREATE FUNCTION make_message_partitions(months_ahead int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  this_month CONSTANT timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
  first timestamp;
  partition text;
  made int := 0;
BEGIN
  FOR month IN -1 .. least(months_ahead, 60) LOOP
    first := this_month + make_interval(months => month);
    partition := 'messages_' || to_char(first, 'YYYYMM');
    CONTINUE WHEN to_regclass(partition) IS NOT NULL;
    BEGIN
      EXECUTE format('CREATE TABLE %I (LIKE messages INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition);
      EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', partition);
      EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', partition);
      EXECUTE format('ALTER TABLE messages ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', partition,
        (extract(epoch FROM first) * 1000000)::bigint, (extract(epoch FROM first + interval '1 month') * 1000000)::bigint);
      made := made + 1;
    EXCEPTION WHEN check_violation THEN
      NULL; -- rows of that month lie in messages_default already and stay there
    END;
  END LOOP;
  RETURN made;
END $$
"""


def downgrade() -> None:
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION make_message_partitions(int)")
