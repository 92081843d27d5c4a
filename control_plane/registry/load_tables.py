"""Tables of load by workspace, and of runs that level a fleet."""

from sqlalchemy import BigInteger, Column, DateTime, Float, ForeignKey, ForeignKeyConstraint, Index, Integer, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB

from control_plane.registry.tables import registry_metadata

workspace_loads = Table(
    "workspace_loads",
    registry_metadata,
    Column("workspace_id", Text, ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, nullable=False),  # of the workspace's log, as last reported
    Column("events_per_s", Float, nullable=False),  # decaying average, as it was at `at`
    Column("bytes", BigInteger, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),  # the first report
    Column("at", DateTime(timezone=True), nullable=False),
)

workspace_connections = Table(
    "workspace_connections",
    registry_metadata,
    Column("cell", Text, primary_key=True),
    Column("process_id", Text, primary_key=True),
    Column("workspace_id", Text, ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Column("connections", Integer, nullable=False),
    ForeignKeyConstraint(["cell", "process_id"], ["cell_processes.cell", "cell_processes.process_id"], ondelete="CASCADE"),
    Index("workspace_connections_of", "workspace_id"),
)

rebalance_runs = Table(
    "rebalance_runs",
    registry_metadata,
    Column("id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("lease_holder", Text, nullable=False, server_default=""),
    Column("lease_until", DateTime(timezone=True)),
    Column("facts", JSONB, nullable=False),
    Column("problem", Text, nullable=False, server_default=""),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("ended_at", DateTime(timezone=True)),
)

rebalance_steps = Table(
    "rebalance_steps",
    registry_metadata,
    Column("run_id", Text, ForeignKey("rebalance_runs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("workspace_id", Text, ForeignKey("workspaces.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("move_id", Text, nullable=False, server_default=""),
    Column("facts", JSONB, nullable=False),
    Column("problem", Text, nullable=False, server_default=""),
)
