from sqlalchemy import BigInteger, Column, Text

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

pins = tenant_table(
    "pins",
    CHAT,
    Column("channel_id", Text, primary_key=True),
    Column("ts_us", BigInteger, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
)
