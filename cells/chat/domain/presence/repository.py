from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.presence.presence import Standing
from cells.runtime.tenancy import TenantScope


class Standings:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def get_many(self, user_ids: Sequence[str]) -> dict[str, Standing]:
        """Of those who ever set something."""
        rows = await self._connection.execute(_GET, {"w": self._workspace, "ids": list(user_ids)})
        return {user_id: Standing(manual_away, snooze_until_us) for user_id, manual_away, snooze_until_us in rows}

    async def get(self, user_id: str) -> Standing:
        return (await self.get_many([user_id])).get(user_id, Standing())

    async def change(self, user_id: str, standing: Standing) -> None:
        values = {"w": self._workspace, "id": user_id, "away": standing.manual_away, "until": standing.snooze_until_us}
        await self._connection.execute(_CHANGE, values)


_GET = text("SELECT user_id, manual_away, snooze_until_us FROM standings WHERE workspace_id = :w AND user_id = ANY(CAST(:ids AS text[]))")
_CHANGE = text(
    "INSERT INTO standings (workspace_id, user_id, manual_away, snooze_until_us) VALUES (:w, :id, :away, :until)"
    " ON CONFLICT (workspace_id, user_id) DO UPDATE SET manual_away = :away, snooze_until_us = :until"
)
