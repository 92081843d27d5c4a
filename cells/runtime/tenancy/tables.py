"""The tenancy row: fence, order and clock of one workspace in this cell."""

from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, Table, Text
from sqlalchemy.schema import SchemaItem


class TenancyState(StrEnum):
    INCOMING = "incoming"
    ACTIVE = "active"
    FROZEN = "frozen"
    SUSPENDED = "suspended"
    MOVED = "moved"


def tenant_table(name: str, metadata: MetaData, *columns: SchemaItem, **options: Any) -> Table:
    """A table whose primary key starts with `workspace_id`; columns with primary_key=True follow it in the order given."""
    return Table(name, metadata, Column("workspace_id", Text, primary_key=True), *columns, **options)


runtime_metadata = MetaData()

tenancy = tenant_table(
    "tenancy",
    runtime_metadata,
    Column("epoch", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("seq", BigInteger, nullable=False, server_default="0"),
    Column("last_ts_us", BigInteger, nullable=False, server_default="0"),
    Column("moved_to", Text, nullable=False, server_default=""),
    Column("secret", LargeBinary, nullable=False),
    Column("name", Text, nullable=False),
    Column("subdomain", Text, nullable=False),
)
