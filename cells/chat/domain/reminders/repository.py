from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.runtime.tenancy import TenantScope
from chassis.identity import UserId

LISTED_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Reminder:
    reminder_id: str
    creator_id: UserId
    user_id: UserId
    text: str
    at_us: int
    created_us: int
    fired_us: int = 0
    complete_us: int = 0


class Reminders:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def get(self, reminder_id: str) -> Reminder | None:
        row = (await self._connection.execute(_GET, {"w": self._workspace, "id": reminder_id})).one_or_none()
        return Reminder(*row) if row else None

    async def of(self, user_id: str) -> list[Reminder]:
        """Those that the user made and those for the user, the latest first; at most `LISTED_MAX`."""
        rows = await self._connection.execute(_OF, {"w": self._workspace, "u": user_id, "n": LISTED_MAX})
        return [Reminder(*row) for row in rows]

    async def insert(self, reminder: Reminder) -> None:
        values = {name: getattr(reminder, name) for name in Reminder.__slots__}
        await self._connection.execute(_INSERT, {"w": self._workspace, **values})

    async def change(self, reminder: Reminder) -> None:
        """When it was said, and whether one is done with it."""
        values = {"w": self._workspace, "id": reminder.reminder_id, "fired": reminder.fired_us, "complete": reminder.complete_us}
        await self._connection.execute(_CHANGE, values)

    async def remove(self, reminder_id: str) -> None:
        await self._connection.execute(_REMOVE, {"w": self._workspace, "id": reminder_id})


_COLUMNS = "reminder_id, creator_id, user_id, text, at_us, created_us, fired_us, complete_us"
_FROM = f"SELECT {_COLUMNS} FROM reminders WHERE workspace_id = :w"  # noqa: S608 - columns of ours
_GET = text(f"{_FROM} AND reminder_id = :id")
_OF = text(f"{_FROM} AND (user_id = :u OR creator_id = :u) ORDER BY at_us DESC, reminder_id LIMIT :n")
_INSERT = text(
    f"INSERT INTO reminders (workspace_id, {_COLUMNS}) VALUES (:w, :reminder_id, :creator_id, :user_id, :text, :at_us, :created_us,"  # noqa: S608
    " :fired_us, :complete_us)"
)
_CHANGE = text("UPDATE reminders SET fired_us = :fired, complete_us = :complete WHERE workspace_id = :w AND reminder_id = :id")
_REMOVE = text("DELETE FROM reminders WHERE workspace_id = :w AND reminder_id = :id")
