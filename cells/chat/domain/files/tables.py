from sqlalchemy import BigInteger, Column, Integer, Text

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

files = tenant_table(
    "files",
    CHAT,
    Column("file_id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mimetype", Text, nullable=False),
    Column("filetype", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("object_key", Text, nullable=False),
    Column("etag", Text, nullable=False),
    Column("alt_txt", Text, nullable=False),
    Column("public_secret", Text, nullable=False),
    Column("scan", Text, nullable=False),
    Column("preview", Text, nullable=False),
    Column("media", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
)

file_shares = tenant_table(
    "file_shares",
    CHAT,
    Column("file_id", Text, primary_key=True),
    Column("channel_id", Text, primary_key=True),
    Column("ts_us", BigInteger, primary_key=True),
    Column("thread_us", BigInteger),
    Column("user_id", Text, nullable=False),
)

file_texts = tenant_table(
    "file_texts",
    CHAT,
    Column("file_id", Text, primary_key=True),
    Column("text", Text, nullable=False),
)

file_usage = tenant_table(
    "file_usage",
    CHAT,
    Column("used_bytes", BigInteger, nullable=False),
)
