"""The cell's database as a whole, for heartbeats."""

from dataclasses import dataclass

from sqlalchemy import text

from cells.runtime.tenancy.database import Database

_SIZE = text("SELECT pg_database_size(current_database())")
_REVISION = text("SELECT version_num FROM alembic_version")
# Slots of moves are named so by cells/runtime/transfer; a slot without a reader lags because its copy is not done, which is no lag.
_SLOTS = text(
    "SELECT (SELECT version_num FROM alembic_version) AS revision,"
    " coalesce(max(pg_wal_lsn_diff(now_at, confirmed_flush_lsn)) FILTER (WHERE active), 0)::bigint AS lag,"
    " coalesce(max(pg_wal_lsn_diff(now_at, restart_lsn)) FILTER (WHERE slot_name LIKE 'waggle\\_mv\\_%'), 0)::bigint AS retained"
    " FROM pg_replication_slots CROSS JOIN pg_current_wal_lsn() AS now_at WHERE database = current_database()"
)


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    size_bytes: int
    revision: str
    """Of the schema; empty before the first migration."""


@dataclass(frozen=True, slots=True)
class Replication:
    lag_bytes: int
    """Of the slowest reader of a slot; 0 where nobody reads."""
    retained_bytes: int
    """WAL that the slots of moves keep, the most of any."""
    revision: str = ""
    """Of the schema now; empty before the first migration."""


async def measure(database: Database) -> DatabaseFacts:
    """Walks every file of the database: not for every heartbeat."""
    async with database.upkeep() as connection:
        size_bytes = (await connection.execute(_SIZE)).scalar_one()
        revision = (await connection.execute(_REVISION)).scalar_one_or_none()
    return DatabaseFacts(size_bytes, revision or "")


async def replication(database: Database) -> Replication:
    """Cheap: for every heartbeat."""
    async with database.upkeep() as connection:
        row = (await connection.execute(_SLOTS)).one()
    return Replication(max(row.lag, 0), max(row.retained, 0), row.revision or "")
