"""reminders.*"""

import msgspec

from cells.chat.domain.reminders.errors import (
    CannotAddBot,
    CannotAddOthers,
    CannotCompleteOthers,
    CannotParse,
    MissingArgument,
    ReminderNotFound,
)
from cells.chat.domain.reminders.events import reminder_face
from cells.chat.domain.reminders.repository import Reminders
from cells.chat.domain.reminders.service import (
    TEXT_LENGTH_MAX,
    AddReminder,
    CompleteReminder,
    DeleteReminder,
    require_reminder,
)
from cells.chat.domain.reminders.times import read_time
from cells.chat.domain.users.errors import UserNotFound
from cells.chat.slack.arguments import Nested
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.errors import InvalidArguments
from cells.chat.slack.registry import Method, NoArguments, Tier
from chassis.identity import UserId

READ, WRITE = ("reminders:read",), ("reminders:write",)


class AddArguments(msgspec.Struct):
    text: str = ""
    time: str = ""
    user: str = ""
    recurrence: Nested | None = None


class OneArguments(msgspec.Struct):
    reminder: str


async def add(call: Call[AddArguments]) -> Answer:
    """What recurs is not understood, and said so."""
    arguments, bearer = call.arguments, call.bearer
    if not arguments.text.strip() or not arguments.time.strip():
        raise MissingArgument
    if len(arguments.text) > TEXT_LENGTH_MAX:
        raise InvalidArguments(f"must have at most {TEXT_LENGTH_MAX} characters [json-pointer:/text]")
    if arguments.recurrence:
        raise CannotParse
    user_id = UserId(arguments.user or bearer.user_id)
    if user_id != bearer.user_id and bearer.role.is_guest:
        raise CannotAddOthers
    at_us = read_time(arguments.time, call.clock.now_us())
    reminder = await call.tenant.commit(AddReminder(bearer.user_id, user_id, arguments.text.strip(), at_us))
    return {"reminder": reminder_face(reminder)}


async def list_(call: Call[NoArguments]) -> Answer:
    """Those one made and those for one."""
    async with call.tenant.reading() as connection:
        found = await Reminders(connection, call.tenant.scope).of(call.bearer.user_id)
    return {"reminders": [reminder_face(reminder) for reminder in found]}


async def info(call: Call[OneArguments]) -> Answer:
    async with call.tenant.reading() as connection:
        reminder = await require_reminder(connection, call.tenant.scope, call.arguments.reminder, call.bearer.user_id)
    return {"reminder": reminder_face(reminder)}


async def complete(call: Call[OneArguments]) -> Answer:
    await call.tenant.commit(CompleteReminder(call.arguments.reminder, call.bearer.user_id))
    return {}


async def delete(call: Call[OneArguments]) -> Answer:
    await call.tenant.commit(DeleteReminder(call.arguments.reminder, call.bearer.user_id))
    return {}


_ADDS = (MissingArgument, CannotParse, CannotAddBot, CannotAddOthers, UserNotFound)

METHODS = (
    Method("reminders.add", add, Tier.TWO, AddArguments, WRITE, _ADDS),
    Method("reminders.list", list_, Tier.TWO, scopes=READ),
    Method("reminders.info", info, Tier.TWO, OneArguments, READ, (ReminderNotFound,)),
    Method("reminders.complete", complete, Tier.TWO, OneArguments, WRITE, (ReminderNotFound, CannotCompleteOthers)),
    Method("reminders.delete", delete, Tier.TWO, OneArguments, WRITE, (ReminderNotFound,)),
)
