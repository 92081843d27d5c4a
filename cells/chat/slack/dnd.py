"""dnd.*"""

from typing import Any

import msgspec

from cells.chat.domain.presence.errors import InvalidHours, MissingDuration, NoUsersProvided, SnoozeNotActive, SnoozeTooLong
from cells.chat.domain.presence.events import batch_group_of, dnd_face, dnd_updated_user, group_of, snooze_face
from cells.chat.domain.presence.hours import checked_hours
from cells.chat.domain.presence.presence import Standing
from cells.chat.domain.presence.repository import Standings
from cells.chat.domain.presence.service import EndHours, SetHours, Snooze, checked_minutes
from cells.chat.domain.users.errors import UserNotFound
from cells.chat.domain.users.repository import Users
from cells.chat.domain.users.service import require_user
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.errors import InvalidArguments
from cells.chat.slack.registry import Method, NoArguments, Tier
from cells.runtime.log import Change

USERS_MAX = 50


class InfoArguments(msgspec.Struct):
    user: str | None = None


class TeamArguments(msgspec.Struct):
    users: str | None = None


class SnoozeArguments(msgspec.Struct):
    num_minutes: int | None = None


class ScheduleArguments(msgspec.Struct):
    """Beyond Slack's own, whose clients keep it among the user's preferences. Times on the user's clock."""

    start: str = "22:00"
    end: str = "08:00"
    enabled: bool = True


async def info(call: Call[InfoArguments]) -> Answer:
    user_id = call.arguments.user or call.bearer.user_id
    async with call.tenant.reading() as connection:
        await require_user(connection, call.tenant.scope, user_id)
        standing = await Standings(connection, call.tenant.scope).get(user_id)
    return dnd_face(standing, call.clock.now_us(), own=user_id == call.bearer.user_id)


async def team_info(call: Call[TeamArguments]) -> Answer:
    """Users who are none of this workspace's are left out."""
    wanted = [user_id.strip() for user_id in (call.arguments.users or "").split(",") if user_id.strip()]
    if not wanted:
        raise NoUsersProvided
    if len(wanted) > USERS_MAX:
        raise InvalidArguments(f"at most {USERS_MAX} users [json-pointer:/users]")
    async with call.tenant.reading() as connection:
        known = await Users(connection, call.tenant.scope).get_many(wanted)
        standings = await Standings(connection, call.tenant.scope).get_many(list(known))
    now_us = call.clock.now_us()
    return {"users": {user_id: dnd_face(standings.get(user_id, Standing()), now_us, own=False) for user_id in known}}


async def set_snooze(call: Call[SnoozeArguments]) -> Answer:
    standing = await _snoozed(call, checked_minutes(call.arguments.num_minutes))
    return snooze_face(standing, call.clock.now_us())


async def end_snooze(call: Call[NoArguments]) -> Answer:
    return dnd_face(await _snoozed(call, 0), call.clock.now_us(), own=True)


async def end_dnd(call: Call[NoArguments]) -> Answer:
    """Ends today's session of the schedule; the next comes as it would."""
    await _changed(call, EndHours(call.bearer.user_id, call.clock.now_us()))
    return {}


async def set_schedule(call: Call[ScheduleArguments]) -> Answer:
    given = call.arguments
    hours = checked_hours(given.start, given.end) if given.enabled else None
    return dnd_face(await _changed(call, SetHours(call.bearer.user_id, hours)), call.clock.now_us(), own=True)


async def _snoozed(call: Call[Any], minutes: int) -> Standing:
    return await _changed(call, Snooze(call.bearer.user_id, minutes))


async def _changed(call: Call[Any], change: Change[Standing]) -> Standing:
    """The user's own sessions hear of it by the log, those who follow the user beside it."""
    user_id = call.bearer.user_id
    standing = await call.tenant.commit(change)
    said = dnd_updated_user(user_id, standing, call.clock.now_us())
    call.tenant.tell((group_of(user_id), batch_group_of(user_id)), said, key=f"dnd:{user_id}")
    return standing


METHODS = (
    Method("dnd.info", info, Tier.THREE, InfoArguments, ("dnd:read",), (UserNotFound,)),
    Method("dnd.teamInfo", team_info, Tier.TWO, TeamArguments, ("dnd:read",), (NoUsersProvided,)),
    Method("dnd.setSnooze", set_snooze, Tier.TWO, SnoozeArguments, ("dnd:write",), (MissingDuration, SnoozeTooLong)),
    Method("dnd.endSnooze", end_snooze, Tier.TWO, NoArguments, ("dnd:write",), (SnoozeNotActive,)),
    Method("dnd.setSchedule", set_schedule, Tier.TWO, ScheduleArguments, ("dnd:write",), (InvalidHours,)),
    Method("dnd.endDnd", end_dnd, Tier.TWO, NoArguments, ("dnd:write",)),
)
