from sqlalchemy import BigInteger, Boolean, Column, Text

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

standings = tenant_table(
    "standings",
    CHAT,
    Column("user_id", Text, primary_key=True),
    Column("manual_away", Boolean, nullable=False),
    Column("snooze_until_us", BigInteger, nullable=False),
)
