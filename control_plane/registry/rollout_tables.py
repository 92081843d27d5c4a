"""Tables of what goes through the fleet in waves."""

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Index, Integer, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB

from control_plane.registry.tables import registry_metadata

rollouts = Table(
    "rollouts",
    registry_metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("wave", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("lease_holder", Text, nullable=False, server_default=""),
    Column("lease_until", DateTime(timezone=True)),
    Column("facts", JSONB, nullable=False),
    Column("problem", Text, nullable=False, server_default=""),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("ended_at", DateTime(timezone=True)),
)

rollout_cells = Table(
    "rollout_cells",
    registry_metadata,
    Column("rollout_id", Text, ForeignKey("rollouts.id", ondelete="CASCADE"), primary_key=True),
    Column("cell", Text, ForeignKey("cells.name"), primary_key=True),
    Column("wave", Integer, nullable=False),
    Column("stage", Text, nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("problem", Text, nullable=False, server_default=""),
    Column("stage_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("rollout_cells_wave", "rollout_id", "wave"),
)
