"""Which engines answer for a workspace."""

from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.search.engines import Engines
from cells.chat.search.postgres_repository import PostgresEngine
from cells.runtime.tenancy import TenantScope


class PostgresAlone:
    """For cells that have no other."""

    async def engines(self, connection: AsyncConnection, scope: TenantScope) -> Engines:
        return Engines((PostgresEngine(connection, scope),))
