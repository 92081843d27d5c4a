"""The cell's database as a whole, for heartbeats."""

from dataclasses import dataclass

from sqlalchemy import text

from cells.runtime.tenancy.database import Database

_SIZE = text("SELECT pg_database_size(current_database())")
_REVISION = text("SELECT version_num FROM alembic_version")


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    size_bytes: int
    revision: str
    """Of the schema; empty before the first migration."""


async def measure(database: Database) -> DatabaseFacts:
    """Walks every file of the database: not for every heartbeat."""
    async with database.upkeep() as connection:
        size_bytes = (await connection.execute(_SIZE)).scalar_one()
        revision = (await connection.execute(_REVISION)).scalar_one_or_none()
    return DatabaseFacts(size_bytes, revision or "")
