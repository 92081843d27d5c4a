from sqlalchemy import BigInteger, Column, Text

from cells.chat.domain.tables import CHAT
from cells.runtime.tenancy import tenant_table

imports = tenant_table(
    "imports",
    CHAT,
    Column("import_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("counts", Text, nullable=False),
    Column("mapping", Text, nullable=False),
    Column("entry", BigInteger, nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("notes", BigInteger, nullable=False),
    Column("started_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Column("finished_us", BigInteger, nullable=False),
)

import_notes = tenant_table(
    "import_notes",
    CHAT,
    Column("import_id", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("why", Text, nullable=False),
)
