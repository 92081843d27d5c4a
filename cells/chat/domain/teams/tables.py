from sqlalchemy import BigInteger, Column, Text

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

teams = tenant_table(
    "teams",
    CHAT,
    Column("name", Text, nullable=False),
    Column("domain", Text, nullable=False),
    Column("owner_id", Text, nullable=False),
    Column("bot_user_id", Text, nullable=False),
    Column("general_id", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
)
