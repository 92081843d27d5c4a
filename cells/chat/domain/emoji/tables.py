from sqlalchemy import BigInteger, Column, Text

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

emoji = tenant_table(
    "emoji",
    CHAT,
    Column("name", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("alias_for", Text),
    Column("creator_id", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
)
