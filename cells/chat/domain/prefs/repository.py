from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.tenancy import TenantScope


class Prefs:
    """JSON text of an object, by user."""

    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def get(self, user_id: str) -> str:
        found = await self._connection.execute(_GET, {"w": self._workspace, "u": user_id})
        return found.scalar_one_or_none() or "{}"

    async def put(self, user_id: str, prefs: str) -> None:
        await self._connection.execute(_PUT, {"w": self._workspace, "u": user_id, "p": prefs})


_GET = text("SELECT prefs FROM prefs WHERE workspace_id = :w AND user_id = :u")
_PUT = text(
    "INSERT INTO prefs (workspace_id, user_id, prefs) VALUES (:w, :u, :p) ON CONFLICT (workspace_id, user_id) DO UPDATE SET prefs = :p"
)
