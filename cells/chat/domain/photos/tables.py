from sqlalchemy import Column, Integer, LargeBinary, Text

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

photos = tenant_table(
    "photos",
    CHAT,
    Column("photo_id", Text, primary_key=True),
    Column("size_px", Integer, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("image", LargeBinary, nullable=False),
)
