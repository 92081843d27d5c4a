from sqlalchemy import BigInteger, Column, Text

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

reminders = tenant_table(
    "reminders",
    CHAT,
    Column("reminder_id", Text, primary_key=True),
    Column("creator_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("fired_us", BigInteger, nullable=False),
    Column("complete_us", BigInteger, nullable=False),
)
