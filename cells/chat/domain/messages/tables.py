from sqlalchemy import BigInteger, Boolean, Column, Text

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

messages = tenant_table(
    "messages",
    CHAT,
    Column("channel_id", Text, primary_key=True),
    Column("ts_us", BigInteger, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("bot_id", Text),
    Column("app_id", Text),
    Column("thread_us", BigInteger),
    Column("parent_user_id", Text),
    Column("broadcast", Boolean, nullable=False),
    Column("client_msg_id", Text),
    Column("extras", Text),
    Column("edited_us", BigInteger),
    Column("edited_by", Text),
    Column("deleted_us", BigInteger),
)
