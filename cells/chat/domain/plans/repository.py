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
        """Said since `from_us`, deleted ones included; not replies in channels where nothing else was said since."""
        found: int = (await self._connection.execute(_MESSAGES, {"w": self._workspace, "from": from_us})).scalar_one()
        return found


_GET = text("SELECT plan FROM plans WHERE workspace_id = :w")
_CHANGE = text(
    "INSERT INTO plans (workspace_id, plan, since_us) VALUES (:w, :plan, :at)"
    " ON CONFLICT (workspace_id) DO UPDATE SET plan = excluded.plan, since_us = excluded.since_us"
)
_MEMBERS = text("SELECT count(*) FROM users WHERE workspace_id = :w AND bot_id IS NULL AND NOT deleted")
# Channel by channel, by the messages' own key: what is read grows with what was said since, not with what was ever said.
_MESSAGES = text(
    "SELECT coalesce(sum(each.said), 0)::bigint FROM channels c CROSS JOIN LATERAL (SELECT count(*) AS said FROM messages m"
    " WHERE m.workspace_id = :w AND m.channel_id = c.channel_id AND m.ts_us >= :from) each"
    " WHERE c.workspace_id = :w AND c.latest_us >= :from"
)
