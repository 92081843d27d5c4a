"""Files and where they are shared."""

import sqlalchemy as sa
from alembic import op

from migrations.isolation import protect_tenant_table

revision = "0008_files"
down_revision = "0007_people"
branch_labels = None
depends_on = None

TABLES = ("files", "file_shares", "file_texts", "file_usage")


def upgrade() -> None:
    _files()
    _shares()
    _rest()
    for table in TABLES:
        protect_tenant_table(table)


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=True)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _number(name: str) -> sa.Column[int]:
    """A size in bytes, or microseconds since 1970, UTC."""
    return sa.Column(name, sa.BigInteger, nullable=False)


def _files() -> None:
    texts = ("mimetype", "filetype", "mode", "state", "object_key", "etag", "alt_txt", "public_secret", "scan", "preview", "media")
    op.create_table(
        "files",
        _key("workspace_id"),
        _key("file_id"),
        *map(_text, ("user_id", "name", "title")),
        _number("size"),
        *map(_text, texts),
        _number("created_us"),
        _number("expires_us"),
        sa.Column("attempts", sa.Integer, nullable=False),
    )
    op.execute("CREATE INDEX files_by_time ON files (workspace_id, created_us DESC) WHERE state = 'ready'")
    op.execute("CREATE INDEX files_by_user ON files (workspace_id, user_id, created_us DESC) WHERE state = 'ready'")


def _shares() -> None:
    op.create_table(
        "file_shares",
        _key("workspace_id"),
        _key("file_id"),
        _key("channel_id"),
        sa.Column("ts_us", sa.BigInteger, primary_key=True),
        sa.Column("thread_us", sa.BigInteger),
        _text("user_id"),
    )
    op.execute("CREATE INDEX file_shares_channel ON file_shares (workspace_id, channel_id, ts_us)")


def _rest() -> None:
    op.create_table("file_texts", _key("workspace_id"), _key("file_id"), _text("text"))
    op.create_table("file_usage", _key("workspace_id"), _number("used_bytes"))


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
