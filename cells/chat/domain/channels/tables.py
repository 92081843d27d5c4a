from sqlalchemy import BigInteger, Boolean, Column, Text

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

channels = tenant_table(
    "channels",
    CHAT,
    Column("channel_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("creator_id", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("is_general", Boolean, nullable=False),
    Column("topic", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("people", Text, nullable=False),
    Column("latest_us", BigInteger, nullable=False, server_default="0"),
    Column("topic_by", Text, nullable=False, server_default=""),
    Column("topic_us", BigInteger, nullable=False, server_default="0"),
    Column("purpose_by", Text, nullable=False, server_default=""),
    Column("purpose_us", BigInteger, nullable=False, server_default="0"),
    Column("previous_names", Text, nullable=False, server_default=""),
    Column("num_members", BigInteger, nullable=False, server_default="0"),
)
