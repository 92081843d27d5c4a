"""What a worker does for the cell as a whole: partitions are made long before the first row wants one."""

import asyncio
from collections.abc import Mapping

import structlog

from cells.runtime.log import LOG_PARTITIONS, make_partitions
from cells.runtime.tenancy import Database

EVERY_S = 6 * 3600.0
RETRY_S = 60.0
_log = structlog.get_logger("upkeep")


async def keep_partitions_ahead(database: Database, of_workload: Mapping[str, int]) -> None:
    """Runs until cancelled. Without it rows go to the default partition: slower to purge, and nothing worse."""
    while True:
        pause_s = EVERY_S if await _make_partitions(database, {**LOG_PARTITIONS, **of_workload}) else RETRY_S
        await asyncio.sleep(pause_s)


async def _make_partitions(database: Database, partitions: Mapping[str, int]) -> bool:
    try:
        made = await make_partitions(database, partitions)
    except Exception as error:  # noqa: BLE001 - whatever it was, it is tried again; an upkeep that ends is not
        _log.warning("partitions not made", error=str(error))
        return False
    if made:
        _log.info("partitions made", count=made)
    return True
