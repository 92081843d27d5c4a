"""Which workspaces this cell holds, and the only way to their rows."""

from cells.runtime.tenancy.arrivals import Arrivals
from cells.runtime.tenancy.database import Database, RoleBypassesIsolation, open_database
from cells.runtime.tenancy.errors import Draining, Frozen, Incoming, Moved, NotExecuted, NotMine, Overloaded, StaleEpoch, Suspended
from cells.runtime.tenancy.estimating import estimate_bytes
from cells.runtime.tenancy.measuring import DatabaseFacts, Replication, measure, replication
from cells.runtime.tenancy.prepared import Prepared
from cells.runtime.tenancy.rows import Tenancy, refusal_of, tenancy_of
from cells.runtime.tenancy.scope import TenantScope
from cells.runtime.tenancy.table import TenancyTable
from cells.runtime.tenancy.tables import TenancyState, runtime_metadata, tenancy, tenant_table
from cells.runtime.tenancy.transactions import IN_ORDER, PLANNED_ONCE, CommitUnknown, driver_of

__all__ = [
    "IN_ORDER",
    "PLANNED_ONCE",
    "Arrivals",
    "CommitUnknown",
    "Database",
    "DatabaseFacts",
    "Draining",
    "Frozen",
    "Incoming",
    "Moved",
    "NotExecuted",
    "NotMine",
    "Overloaded",
    "Prepared",
    "Replication",
    "RoleBypassesIsolation",
    "StaleEpoch",
    "Suspended",
    "Tenancy",
    "TenancyState",
    "TenancyTable",
    "TenantScope",
    "driver_of",
    "estimate_bytes",
    "measure",
    "open_database",
    "refusal_of",
    "replication",
    "runtime_metadata",
    "tenancy",
    "tenancy_of",
    "tenant_table",
]
