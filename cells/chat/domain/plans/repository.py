from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.plans.plan import DEFAULT, PLANS, Plan
from cells.runtime.tenancy import TenantScope


class Plans:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def get(self) -> Plan:
        """The default where none was chosen, or one that is no more."""
        name = (await self._connection.execute(_GET, {"w": self._workspace})).scalar_one_or_none()
        return PLANS.get(name or DEFAULT, PLANS[DEFAULT])

    async def change(self, name: str, now_us: int) -> None:
        await self._connection.execute(_CHANGE, {"w": self._workspace, "plan": name, "at": now_us})

    async def count_members(self) -> int:
        found: int = (await self._connection.execute(_MEMBERS, {"w": self._workspace})).scalar_one()
        return found

    async def count_messages(self, from_us: int) -> int:
        """Said since `from_us`, deleted ones included."""
        found: int = (await self._connection.execute(_MESSAGES, {"w": self._workspace, "from": from_us})).scalar_one()
        return found


_GET = text("SELECT plan FROM plans WHERE workspace_id = :w")
_CHANGE = text(
    "INSERT INTO plans (workspace_id, plan, since_us) VALUES (:w, :plan, :at)"
    " ON CONFLICT (workspace_id) DO UPDATE SET plan = excluded.plan, since_us = excluded.since_us"
)
_MEMBERS = text("SELECT count(*) FROM users WHERE workspace_id = :w AND bot_id IS NULL AND NOT deleted")
_MESSAGES = text("SELECT count(*) FROM messages WHERE workspace_id = :w AND ts_us >= :from")
