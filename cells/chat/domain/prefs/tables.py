from sqlalchemy import Column, Text

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

prefs = tenant_table("prefs", CHAT, Column("user_id", Text, primary_key=True), Column("prefs", Text, nullable=False))
