from sqlalchemy import BigInteger, Boolean, Column, Text

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

users = tenant_table(
    "users",
    CHAT,
    Column("user_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("real_name", Text, nullable=False),
    Column("email", Text),
    Column("bot_id", Text),
    Column("app_id", Text),
    Column("role", Text, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Column("profile", Text, nullable=False),
    Column("tz", Text, nullable=False),
    Column("has_2fa", Boolean, nullable=False),
)
