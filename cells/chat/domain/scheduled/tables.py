from sqlalchemy import BigInteger, Boolean, Column, Text

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

scheduled_messages = tenant_table(
    "scheduled_messages",
    CHAT,
    Column("scheduled_id", Text, primary_key=True),
    Column("channel_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("bot_id", Text),
    Column("app_id", Text),
    Column("text", Text, nullable=False),
    Column("extras", Text),
    Column("thread_us", BigInteger),
    Column("broadcast", Boolean, nullable=False),
    Column("post_us", BigInteger, nullable=False),
    Column("created_us", BigInteger, nullable=False),
)
