"""Partitions: made before the first row wants one, taken out once nobody needs them (`migrations/cell/versions/0014_upkeep.py`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, text

from cells.runtime.tenancy import Database

LOG_PARTITIONS: Mapping[str, int] = {"make_log_partitions": 4}
"""Of the log itself: weeks."""
LOG_READERS = ("cursors",)
"""Tables of the runtime that say how far readers of the log are."""
TRIMMED_MAX = 2_000
"""Rows of the log deleted by one statement."""
UPKEEP_LOCK = "waggle.upkeep"
DDL_TIMEOUT = "2s"
"""Of one statement of upkeep: making a partition looks through the default one, and those who read that wait."""


@dataclass(frozen=True, slots=True)
class Partition:
    name: str
    from_us: int
    to_us: int


async def make_partitions(database: Database, partitions: Mapping[str, int]) -> int:
    """Call each SQL function with its number of periods ahead. Returns how many partitions were made; what is there stays as it is.

    0 while another worker is at it. Raises DBAPIError where a lock was not to be had within 100 ms: try again later.
    """
    made = 0
    for function, periods_ahead in partitions.items():
        async with database.upkeep() as connection:
            if not (await connection.execute(_LOCK)).scalar_one():
                return made
            await connection.execute(_BOUND)
            made += (await connection.execute(select(getattr(func, function)(periods_ahead)))).scalar_one()
    return made


async def partitions_of(database: Database, parent: str) -> list[Partition]:
    """The oldest first, the default one left out."""
    async with database.upkeep() as connection:
        return [Partition(*row) for row in await connection.execute(_PARTITIONS, {"parent": parent})]


async def retire_partition(database: Database, parent: str, partition: Partition, before_us: int, readers: Sequence[str]) -> str:
    """Take it out of the table: nobody sees it any more, and nobody waits for more than some 100 ms.

    Empty where that was done; else why it stays. Raises DBAPIError where a lock was not to be had: try again later.
    """
    values = {"parent": parent, "name": partition.name, "before": before_us, "readers": list(readers)}
    async with database.upkeep() as connection:
        return str((await connection.execute(_RETIRE, values)).scalar_one())


async def trim_log(database: Database, before_us: int, readers: Sequence[str]) -> int:
    """Delete a part of what is older and still lies there; how many rows, fewer than `TRIMMED_MAX` when it was the last."""
    values = {"before": before_us, "readers": list(readers), "rows": TRIMMED_MAX}
    async with database.upkeep() as connection:
        return int((await connection.execute(_TRIM, values)).scalar_one())


async def drop_retired(database: Database) -> str:
    """Remove one that was taken out; its name, empty where there is none."""
    async with database.upkeep() as connection:
        return str((await connection.execute(select(func.drop_retired_partition()))).scalar_one())


_TRIM = text("SELECT trim_log(:before, CAST(:readers AS text[]), :rows)")
_LOCK = text(f"SELECT pg_try_advisory_xact_lock(hashtext('{UPKEEP_LOCK}'))")
_BOUND = text(f"SET LOCAL statement_timeout = '{DDL_TIMEOUT}'")
_PARTITIONS = text("SELECT name, from_us, to_us FROM partitions_of(:parent)")
_RETIRE = text("SELECT retire_partition(:parent, :name, :before, CAST(:readers AS text[]))")
