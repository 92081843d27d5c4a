"""The log, the cursors over it, and what is due: made by `migrations/cell/versions/0001_runtime.py` and `0006_messages.py`."""

from sqlalchemy import ARRAY, BigInteger, Column, DateTime, Text, func

from cells.runtime.tenancy import runtime_metadata, tenant_table

log = tenant_table(
    "log",
    runtime_metadata,
    Column("seq", BigInteger, primary_key=True),
    Column("ts_us", BigInteger, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("audience", ARRAY(Text), nullable=False),
    Column("payload", Text, nullable=False),
)

cursors = tenant_table(
    "cursors",
    runtime_metadata,
    Column("name", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

due = tenant_table(
    "due",
    runtime_metadata,
    Column("name", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("due_us", BigInteger, nullable=False),
)
"""Work for later: which handler (`name`), of what (`key`), when. Ids and times only: workers read it across workspaces."""
