from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, Text

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

credentials = tenant_table(
    "credentials",
    CHAT,
    Column("user_id", Text, primary_key=True),
    Column("password_hash", Text),
    Column("totp_nonce", LargeBinary),
    Column("totp_confirmed", Boolean, nullable=False),
    Column("totp_step", BigInteger, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
)
recovery_codes = tenant_table(
    "recovery_codes",
    CHAT,
    Column("user_id", Text, primary_key=True),
    Column("code_hash", LargeBinary, primary_key=True),
    Column("used_us", BigInteger),
)
signin_links = tenant_table(
    "signin_links",
    CHAT,
    Column("link_hash", LargeBinary, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("used_us", BigInteger),
)
attempts = tenant_table(
    "attempts",
    CHAT,
    Column("subject", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    Column("blocked_until_us", BigInteger, nullable=False),
)
