from sqlalchemy import BigInteger, Column, Text

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

message_versions = tenant_table(
    "message_versions",
    CHAT,
    Column("channel_id", Text, primary_key=True),
    Column("ts_us", BigInteger, primary_key=True),
    Column("until_us", BigInteger, primary_key=True),
    Column("text", Text, nullable=False),
    Column("extras", Text),
    Column("edited_us", BigInteger),
    Column("edited_by", Text),
    Column("ended_by", Text, nullable=False),
    Column("ended_how", Text, nullable=False),
)
