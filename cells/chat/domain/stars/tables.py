from sqlalchemy import BigInteger, Column, Text

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

stars = tenant_table(
    "stars",
    CHAT,
    Column("user_id", Text, primary_key=True),
    Column("item", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("channel_id", Text, nullable=False),
    Column("ts_us", BigInteger, nullable=False),
    Column("file_id", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
)
