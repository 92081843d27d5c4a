"""The workspace log (invariants: order, one clock, nothing beside it)."""

from cells.runtime.log.changes import Batch, Change
from cells.runtime.log.events import EVERYONE, Event, LoggedEvent
from cells.runtime.log.figures import Figures, PartitionFigures, TableFigures, measure_upkeep
from cells.runtime.log.partitions import (
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
from cells.runtime.log.rehearsing import Rehearsal
from cells.runtime.log.tenant import LoggedTenant, Tenants
from cells.runtime.log.transaction import Transaction
from cells.runtime.log.workspace_log import WorkspaceLog

__all__ = [
    "EVERYONE",
    "LOG_PARTITIONS",
    "LOG_READERS",
    "TRIMMED_MAX",
    "Batch",
    "Change",
    "Event",
    "Figures",
    "LoggedEvent",
    "LoggedTenant",
    "Partition",
    "PartitionFigures",
    "Rehearsal",
    "TableFigures",
    "Tenants",
    "Transaction",
    "WorkspaceLog",
    "drop_retired",
    "make_partitions",
    "measure_upkeep",
    "partitions_of",
    "retire_partition",
    "trim_log",
]
