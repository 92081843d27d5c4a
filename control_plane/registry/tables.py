"""The control plane's tables. What each column means for routing is said in docs/adr/0008-directory-versions.md."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

registry_metadata = MetaData()

directory = Table(
    "directory",
    registry_metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),  # always 1: the row that every change to a route locks
    Column("registry_id", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("flags_version", BigInteger, nullable=False, server_default="0"),  # the directory's, when a flag last changed
)

cells = Table(
    "cells",
    registry_metadata,
    Column("name", Text, primary_key=True),
    Column("region", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("dedicated", Boolean, nullable=False),
    Column("capacity_workspaces", Integer, nullable=False),
    Column("version", BigInteger, nullable=False, index=True),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

cell_processes = Table(
    "cell_processes",
    registry_metadata,
    Column("cell", Text, ForeignKey("cells.name"), primary_key=True),
    Column("process_id", Text, primary_key=True),
    Column("address", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("version", Text, nullable=False),
    Column("schema_revision", Text, nullable=False),
    Column("workspaces", Integer, nullable=False),
    Column("connections", Integer, nullable=False),
    Column("messages_per_s", Float, nullable=False),
    Column("database_bytes", BigInteger, nullable=False),
    Column("heartbeat_at", DateTime(timezone=True), nullable=False),
    # Of its last interval; NULL where the process does not tell.
    Column("interval_s", Float),
    Column("requests", BigInteger),
    Column("errors", BigInteger),
    Column("p50_ms", Float),
    Column("p99_ms", Float),
    Column("ready", Boolean),
    Column("replication_lag_bytes", BigInteger),
    Column("wal_retained_bytes", BigInteger),
    Column("flags_version", BigInteger, nullable=False, server_default="0"),  # of the flags that it obeys
    Column("upkeep", LargeBinary),  # of its cell's database, as a worker told it last (directory.v1.Upkeep)
)

workspaces = Table(
    "workspaces",
    registry_metadata,
    Column("id", Text, primary_key=True),
    Column("subdomain", Text, nullable=False, unique=True),
    Column("cell", Text, ForeignKey("cells.name"), nullable=False, index=True),
    Column("epoch", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("pins", JSONB, nullable=False),
    Column("owner_email", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("problem", Text, nullable=False),  # why the reconciler could not finish it; empty when all is well
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("workspaces_version", "version"),
    Index("workspaces_state", "state"),
)

moves = Table(
    "moves",
    registry_metadata,
    Column("id", Text, primary_key=True),
    Column("workspace_id", Text, ForeignKey("workspaces.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("source", Text, ForeignKey("cells.name"), nullable=False),
    Column("target", Text, ForeignKey("cells.name"), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("step", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("lease_holder", Text, nullable=False, server_default=""),
    Column("lease_until", DateTime(timezone=True)),
    Column("facts", JSONB, nullable=False),
    Column("problem", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("step_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("ended_at", DateTime(timezone=True)),
)

paces = Table(
    "paces",
    registry_metadata,
    Column("cell", Text, ForeignKey("cells.name"), primary_key=True),
    Column("version", BigInteger, nullable=False),  # of this row: it is judged by compare-and-set
    Column("state", JSONB, nullable=False),
    Column("judged_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

routers = Table(
    "routers",
    registry_metadata,
    Column("router_id", Text, primary_key=True),
    Column("address", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
)

flags = Table(
    "flags",
    registry_metadata,
    Column("name", Text, primary_key=True),
    Column("cell", Text, primary_key=True),
    Column("workspace_id", Text, primary_key=True),
    Column("is_on", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("set_by", Text, nullable=False),
    Column("set_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

admin_tokens = Table(
    "admin_tokens",
    registry_metadata,
    Column("name", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

audit = Table(
    "audit",
    registry_metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("outcome", Text, nullable=False),
)

address_reports = Table(
    "address_reports",
    registry_metadata,
    Column("workspace_id", Text, ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
)

addresses = Table(
    "addresses",
    registry_metadata,
    Column("address_hash", LargeBinary, primary_key=True),
    Column("workspace_id", Text, ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Index("addresses_of_workspace", "workspace_id"),
)

failovers = Table(
    "failovers",
    registry_metadata,
    Column("workspace_id", Text, ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Column("epoch", BigInteger, primary_key=True),
    Column("source", Text, ForeignKey("cells.name"), nullable=False),
    Column("target", Text, ForeignKey("cells.name"), nullable=False),
    Column("stage", Text, nullable=False),
    Column("problem", Text, nullable=False),
    Column("decided_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("ended_at", DateTime(timezone=True)),
    Index("failovers_unfinished", "source", postgresql_where=text("stage <> 'done'")),
)
