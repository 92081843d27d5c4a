"""Partitions of the log, made before the first row wants one."""

from sqlalchemy import text

from cells.runtime.tenancy import Database

_MAKE = text("SELECT make_log_partitions(:weeks)")


async def make_partitions(database: Database, weeks_ahead: int) -> int:
    """How many were made; those that are there stay as they are."""
    async with database.upkeep() as connection:
        made: int = (await connection.execute(_MAKE, {"weeks": weeks_ahead})).scalar_one()
    return made
