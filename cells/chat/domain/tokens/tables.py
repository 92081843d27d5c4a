from sqlalchemy import BigInteger, Column, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

tokens = tenant_table(
    "tokens",
    CHAT,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("revoked_us", BigInteger),
    Column("expires_us", BigInteger),
    Column("kind", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("address", Text, nullable=False),
)
