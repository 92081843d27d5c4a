from sqlalchemy import BigInteger, Column, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

invitations = tenant_table(
    "invitations",
    CHAT,
    Column("invitation_id", Text, primary_key=True),
    Column("code_hash", LargeBinary, nullable=False),
    Column("email", Text, nullable=False),
    Column("real_name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("channel_ids", ARRAY(Text), nullable=False),
    Column("inviter_id", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("accepted_by", Text),
    Column("revoked_us", BigInteger),
)
