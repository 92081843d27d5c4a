from sqlalchemy import BigInteger, Column, Text

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

plans = tenant_table(
    "plans",
    CHAT,
    Column("plan", Text, nullable=False),
    Column("since_us", BigInteger, nullable=False),
)
