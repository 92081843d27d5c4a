"""The workspace log (invariants: order, one clock, nothing beside it)."""

from cells.runtime.log.changes import Batch, Change
from cells.runtime.log.events import EVERYONE, Event, LoggedEvent
from cells.runtime.log.partitions import LOG_PARTITIONS, make_partitions
from cells.runtime.log.tenant import LoggedTenant, Tenants
from cells.runtime.log.transaction import Transaction
from cells.runtime.log.workspace_log import WorkspaceLog

__all__ = [
    "EVERYONE",
    "LOG_PARTITIONS",
    "Batch",
    "Change",
    "Event",
    "LoggedEvent",
    "LoggedTenant",
    "Tenants",
    "Transaction",
    "WorkspaceLog",
    "make_partitions",
]
