from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.notices.service import tell
from cells.chat.domain.reminders.errors import CannotAddBot, CannotCompleteOthers, ReminderNotFound
from cells.chat.domain.reminders.events import reminder_event
from cells.chat.domain.reminders.repository import Reminder, Reminders
from cells.chat.domain.users.errors import UserNotFound
from cells.chat.domain.users.repository import Users
from cells.runtime.jobs import drop_due, plan_due
from cells.runtime.log import Transaction
from cells.runtime.tenancy import TenantScope
from chassis.identity import UserId, make_id

DUE = "reminder"
TEXT_LENGTH_MAX = 3_000


@dataclass(frozen=True, slots=True)
class AddReminder:
    creator_id: UserId
    user_id: UserId
    text: str
    at_us: int

    async def apply(self, tx: Transaction) -> Reminder:
        user = await Users(tx.connection, tx.scope).get(self.user_id)
        if user is None or user.deleted:
            raise UserNotFound
        if user.bot_id is not None:
            raise CannotAddBot
        reminder = Reminder("Rm" + make_id(""), self.creator_id, self.user_id, self.text, self.at_us, tx.next_ts_us())
        await Reminders(tx.connection, tx.scope).insert(reminder)
        await plan_due(tx, DUE, reminder.reminder_id, reminder.at_us)
        return reminder


@dataclass(frozen=True, slots=True)
class CompleteReminder:
    """Done already is no error."""

    reminder_id: str
    user_id: UserId

    async def apply(self, tx: Transaction) -> None:
        reminder = await require_reminder(tx.connection, tx.scope, self.reminder_id, self.user_id)
        if reminder.user_id != self.user_id:
            raise CannotCompleteOthers
        if not reminder.complete_us:
            now_us = tx.next_ts_us()
            await Reminders(tx.connection, tx.scope).change(replace(reminder, complete_us=now_us))
            await drop_due(tx, DUE, self.reminder_id)
            tx.append(reminder_event("reminder_completed", replace(reminder, complete_us=now_us), now_us))


@dataclass(frozen=True, slots=True)
class DeleteReminder:
    reminder_id: str
    user_id: UserId

    async def apply(self, tx: Transaction) -> None:
        reminder = await require_reminder(tx.connection, tx.scope, self.reminder_id, self.user_id)
        await Reminders(tx.connection, tx.scope).remove(self.reminder_id)
        await drop_due(tx, DUE, self.reminder_id)
        tx.append(reminder_event("reminder_deleted", reminder, tx.next_ts_us()))


async def require_reminder(connection: AsyncConnection, scope: TenantScope, reminder_id: str, user_id: str) -> Reminder:
    reminder = await Reminders(connection, scope).get(reminder_id)
    if reminder is None or user_id not in (reminder.user_id, reminder.creator_id):
        raise ReminderNotFound
    return reminder


async def fire_reminder(tx: Transaction, reminder_id: str) -> None:
    """The bot says it, and the user's sessions hear `reminder_fired`. To whoever is switched off nothing is said."""
    reminders = Reminders(tx.connection, tx.scope)
    reminder = await reminders.get(reminder_id)
    if reminder is None or reminder.complete_us or reminder.fired_us:
        return
    own = reminder.creator_id == reminder.user_id
    await tell(tx, reminder.user_id, f"{'Reminder' if own else f'<@{reminder.creator_id}> asked me to remind you'}: {reminder.text}")
    now_us = tx.next_ts_us()
    await reminders.change(replace(reminder, fired_us=now_us))
    tx.append(reminder_event("reminder_fired", replace(reminder, fired_us=now_us), now_us))
