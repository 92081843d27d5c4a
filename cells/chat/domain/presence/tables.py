from sqlalchemy import BigInteger, Boolean, Column, Integer, Text

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

standings = tenant_table(
    "standings",
    CHAT,
    Column("user_id", Text, primary_key=True),
    Column("manual_away", Boolean, nullable=False),
    Column("snooze_until_us", BigInteger, nullable=False),
    Column("dnd_start", Integer),
    Column("dnd_end", Integer),
    Column("dnd_ended_us", BigInteger, nullable=False),
)
