"""About how much a workspace has stored, without reading it: what PostgreSQL's planner believes of its rows.

A plan of `SELECT *` in the workspace's scope carries the planner's rows and their width, from the statistics that it keeps anyway. Right to
within some tenths for a workspace that stands out in its cell; for one of thousands of small ones it is near the average of them.
"""

import json
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.tenancy.database import Database
from cells.runtime.tenancy.errors import Overloaded
from cells.runtime.tenancy.scope import TenantScope
from cells.runtime.tenancy.transactions import CommitUnknown

ROW_HEAD_BYTES = 28
"""PostgreSQL's header of a row, and its line pointer."""


async def estimate_bytes(database: Database, scope: TenantScope, tables: Sequence[str]) -> int:
    """In those tables, without their indexes. Some 0.5 ms a table; raises NotExecuted."""
    try:
        async with database.reading(scope) as connection:
            return int(sum([await _estimate(connection, table) for table in tables]))
    except (DBAPIError, CommitUnknown) as error:  # it waits for somebody's lock, or takes too long: nobody needs to know now
        raise Overloaded(f"the estimate was not made: {type(error).__name__}") from error


async def _estimate(connection: AsyncConnection, table: str) -> float:
    plans = text(f'EXPLAIN (FORMAT JSON) SELECT * FROM "{table}"')  # noqa: S608 - names come from the metadata
    found = (await connection.execute(plans)).scalar_one()
    (plan,) = json.loads(found) if isinstance(found, str) else found
    return float(plan["Plan"]["Plan Rows"] * (plan["Plan"]["Plan Width"] + ROW_HEAD_BYTES))
