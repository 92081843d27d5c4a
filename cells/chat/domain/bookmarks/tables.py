from sqlalchemy import BigInteger, Column, Text

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

bookmarks = tenant_table(
    "bookmarks",
    CHAT,
    Column("channel_id", Text, primary_key=True),
    Column("bookmark_id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("link", Text, nullable=False),
    Column("emoji", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("updated_by", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
)
