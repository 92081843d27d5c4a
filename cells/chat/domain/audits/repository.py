from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.tenancy import TenantScope


@dataclass(frozen=True, slots=True)
class Audit:
    at_us: int
    actor: str
    """A user's id, or `system`."""
    action: str
    target: str
    address: str
    detail: str


class Audits:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def insert(self, audit: Audit) -> None:
        values = {"w": self._workspace, "at": audit.at_us, "actor": audit.actor, "action": audit.action, "target": audit.target}
        await self._connection.execute(_INSERT, values | {"address": audit.address, "detail": audit.detail})

    async def page(self, before_us: int, limit: int) -> list[Audit]:
        """The newest first, before `before_us`."""
        return [Audit(*row) for row in await self._connection.execute(_PAGE, {"w": self._workspace, "before": before_us, "n": limit})]

    async def remove_before(self, before_us: int) -> None:
        await self._connection.execute(_REMOVE, {"w": self._workspace, "before": before_us})


_INSERT = text(
    "INSERT INTO audits (workspace_id, at_us, actor, action, target, address, detail)"
    " VALUES (:w, :at, :actor, :action, :target, :address, :detail)"
)
_PAGE = text(
    "SELECT at_us, actor, action, target, address, detail FROM audits WHERE workspace_id = :w AND at_us < :before"
    " ORDER BY at_us DESC LIMIT :n"
)
_REMOVE = text("DELETE FROM audits WHERE workspace_id = :w AND at_us < :before")
