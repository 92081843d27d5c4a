"""Partitions, made before the first row wants one."""

from collections.abc import Mapping

from sqlalchemy import func, select

from cells.runtime.tenancy import Database

LOG_PARTITIONS: Mapping[str, int] = {"make_log_partitions": 4}
"""Of the log itself: weeks."""


async def make_partitions(database: Database, partitions: Mapping[str, int]) -> int:
    """Call each SQL function with its number of periods ahead. Returns how many partitions were made; what is there stays as it is."""
    made = 0
    for function, periods_ahead in partitions.items():
        async with database.upkeep() as connection:
            made += (await connection.execute(select(getattr(func, function)(periods_ahead)))).scalar_one()
    return made
