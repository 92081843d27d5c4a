from sqlalchemy import BigInteger, Column, Text

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

bots = tenant_table(
    "bots",
    CHAT,
    Column("bot_id", Text, primary_key=True),
    Column("app_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
)
