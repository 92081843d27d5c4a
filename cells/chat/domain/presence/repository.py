from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.presence.hours import Hours
from cells.chat.domain.presence.presence import Standing
from cells.runtime.tenancy import TenantScope


class Standings:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def get_many(self, user_ids: Sequence[str]) -> dict[str, Standing]:
        """Of those who ever set something."""
        rows = await self._connection.execute(_GET, {"w": self._workspace, "ids": list(user_ids)})
        return {user_id: _standing(*told) for user_id, *told in rows}

    async def get(self, user_id: str) -> Standing:
        return (await self.get_many([user_id])).get(user_id, Standing())

    async def change(self, user_id: str, standing: Standing) -> None:
        values = {
            "w": self._workspace,
            "id": user_id,
            "away": standing.manual_away,
            "until": standing.snooze_until_us,
            "start": standing.hours.start_minute if standing.hours is not None else None,
            "end": standing.hours.end_minute if standing.hours is not None else None,
            "ended": standing.ended_us,
        }
        await self._connection.execute(_CHANGE, values)


def _standing(manual_away: bool, snooze_until_us: int, start: int | None, end: int | None, ended_us: int, zone: str) -> Standing:
    hours = Hours(start, end, zone) if start is not None and end is not None else None
    return Standing(manual_away, snooze_until_us, hours, ended_us)


_GET = text(
    "SELECT s.user_id, s.manual_away, s.snooze_until_us, s.dnd_start, s.dnd_end, s.dnd_ended_us, u.tz FROM standings s"
    " JOIN users u ON u.workspace_id = s.workspace_id AND u.user_id = s.user_id"
    " WHERE s.workspace_id = :w AND s.user_id = ANY(CAST(:ids AS text[]))"
)
_CHANGE = text(
    "INSERT INTO standings (workspace_id, user_id, manual_away, snooze_until_us, dnd_start, dnd_end, dnd_ended_us)"
    " VALUES (:w, :id, :away, :until, CAST(:start AS integer), CAST(:end AS integer), :ended)"
    " ON CONFLICT (workspace_id, user_id) DO UPDATE SET manual_away = EXCLUDED.manual_away, snooze_until_us = EXCLUDED.snooze_until_us,"
    " dnd_start = EXCLUDED.dnd_start, dnd_end = EXCLUDED.dnd_end, dnd_ended_us = EXCLUDED.dnd_ended_us"
)
