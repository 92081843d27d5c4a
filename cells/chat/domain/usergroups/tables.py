from sqlalchemy import BigInteger, Column, Text

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

usergroups = tenant_table(
    "usergroups",
    CHAT,
    Column("usergroup_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("handle", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("channels", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("updated_by", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Column("deleted_us", BigInteger, nullable=False, server_default="0"),
    Column("deleted_by", Text, nullable=False, server_default=""),
)
usergroup_members = tenant_table(
    "usergroup_members",
    CHAT,
    Column("usergroup_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
)
