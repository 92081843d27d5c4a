from sqlalchemy import BigInteger, Column, Integer

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

retentions = tenant_table(
    "retentions",
    CHAT,
    Column("days", Integer, nullable=False),
    Column("set_us", BigInteger, nullable=False),
)
"""No row: messages are kept for as long as the plan says."""
