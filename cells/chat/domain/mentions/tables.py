from sqlalchemy import ARRAY, BigInteger, Column, Text

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

mentions = tenant_table(
    "mentions",
    CHAT,
    Column("channel_id", Text, primary_key=True),
    Column("ts_us", BigInteger, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("author_id", Text, nullable=False),
    Column("called", ARRAY(Text)),
)
