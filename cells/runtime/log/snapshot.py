"""Where the log stands in a snapshot that somebody else opened, so that what they read there has a place in the log."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.tenancy import TenantScope, tenancy


async def head_of(connection: AsyncConnection, scope: TenantScope) -> int:
    """The seq of the last event committed before the snapshot of `connection`; 0 for an empty log."""
    found = await connection.execute(select(tenancy.c.seq).where(tenancy.c.workspace_id == scope.workspace_id))
    return found.scalar_one_or_none() or 0
