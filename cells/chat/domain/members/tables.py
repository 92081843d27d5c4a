from sqlalchemy import BigInteger, Column, Text

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

members = tenant_table(
    "members",
    CHAT,
    Column("channel_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("joined_us", BigInteger, nullable=False),
    Column("last_read_us", BigInteger, nullable=False),
    Column("closed_us", BigInteger, nullable=False, server_default="0"),
)
