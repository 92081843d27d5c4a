"""What a worker does for the cell as a whole: partitions are made long before the first row wants one, and go when nobody needs them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog
from prometheus_client import Counter

from cells.runtime.log import (
    LOG_PARTITIONS,
    LOG_READERS,
    TRIMMED_MAX,
    Partition,
    drop_retired,
    make_partitions,
    partitions_of,
    retire_partition,
    trim_log,
)
from cells.runtime.tenancy import Database
from chassis.clock import Clock

EVERY_S = 6 * 3600.0
RETRY_S = 60.0
PAUSE_S = 0.25
"""Between two statements that others may have to wait for."""
TRIES_MAX = 5
RETIRED_MAX = 50
"""Partitions of a table in one round."""
TRIMS_MAX = 10_000
"""Parts of the log deleted in one round; with 2,000 rows and a pause of 0.25 s each that is 45 minutes."""
DAY_US = 86_400 * 1_000_000
WEEK_US = 7 * DAY_US
LOG = "log"
PARTITIONS = Counter("waggle_upkeep_partitions", "Partitions made, taken out and removed by this process", ["what"])
ROWS = Counter("waggle_upkeep_log_rows", "Rows of the log deleted by this process where no partition could be taken out")
_log = structlog.get_logger("upkeep")


@dataclass
class Upkeep:
    """One a worker; several in a cell take turns (an advisory lock). `log_days`: how long the log is kept at least."""

    database: Database
    clock: Clock
    log_days: int
    made: Mapping[str, int] = field(default_factory=dict)
    emptied: Mapping[str, int] = field(default_factory=dict)
    log_readers: Sequence[str] = ()
    pause_s: float = PAUSE_S
    held: dict[str, str] = field(default_factory=dict)
    """Partitions that are old enough to go, and why they stay; as of the last round."""

    async def run(self) -> None:
        """Until cancelled. Without it rows go to the default partition and what is old stays: slower, and nothing worse."""
        while True:
            rest_s = EVERY_S if await self.round() else RETRY_S
            await asyncio.sleep(rest_s)

    async def round(self) -> bool:
        """Everything that is to be done now; False where some of it could not be."""
        done = [await self._tried("make", self._make)]
        for parent, before_us in self._ages().items():
            done.append(await self._tried("look", partial(self._retire, parent, before_us)))
        done.append(await self._tried("trim", self._trim))
        done.append(await self._tried("drop", self._drop))
        return all(done)

    def _ages(self) -> dict[str, int]:
        """By partitioned table: what ended before is old enough."""
        now_us = self.clock.now_us()
        return {table: now_us - days * DAY_US for table, days in {LOG: self.log_days, **self.emptied}.items()}

    async def _make(self) -> None:
        if made := await make_partitions(self.database, {**LOG_PARTITIONS, **self.made}):
            PARTITIONS.labels("made").inc(made)
            _log.info("partitions made", count=made)

    async def _retire(self, parent: str, before_us: int) -> None:
        old = [found for found in await partitions_of(self.database, parent) if found.to_us <= before_us]
        self.held = {name: why for name, why in self.held.items() if not name.startswith(f"{parent}_")}
        for found in old[:RETIRED_MAX]:
            if not await self._tried("retire", partial(self._retire_one, parent, found, before_us)):
                self.held[found.name] = "others hold a lock on it"
            await asyncio.sleep(self.pause_s)

    async def _retire_one(self, parent: str, found: Partition, before_us: int) -> None:
        why_not = await retire_partition(self.database, parent, found, before_us, [*LOG_READERS, *self.log_readers])
        if why_not:
            self.held[found.name] = why_not
            return
        PARTITIONS.labels("retired").inc()
        _log.info("partition taken out", table=parent, partition=found.name)

    async def _trim(self) -> None:
        """Whole weeks alone: what the next round takes out as a partition is not deleted row by row in this one."""
        before_us = self._ages()[LOG] // WEEK_US * WEEK_US
        for _ in range(TRIMS_MAX):
            gone = await trim_log(self.database, before_us, [*LOG_READERS, *self.log_readers])
            ROWS.inc(gone)
            if gone < TRIMMED_MAX:
                return
            await asyncio.sleep(self.pause_s)

    async def _drop(self) -> None:
        for _ in range(RETIRED_MAX):
            if not (dropped := await drop_retired(self.database)):
                return
            PARTITIONS.labels("dropped").inc()
            _log.info("partition removed", partition=dropped)
            await asyncio.sleep(self.pause_s)

    async def _tried(self, what: str, work: Callable[[], Awaitable[None]]) -> bool:
        """At most TRIES_MAX times: a lock that is not free within 100 ms is given up, so that nobody waits behind us for longer."""
        for attempt in range(TRIES_MAX):
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - whatever it was, it is tried again; an upkeep that ends is not
                level = logging.WARNING if attempt + 1 == TRIES_MAX else logging.DEBUG
                _log.log(level, "upkeep not done", what=what, error=str(error).splitlines()[0])
                await asyncio.sleep(self.pause_s * 2**attempt)
            else:
                return True
        return False
