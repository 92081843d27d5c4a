"""chat.scheduleMessage, chat.scheduledMessages.list, chat.deleteScheduledMessage."""

from functools import partial
from typing import Any

import msgspec

from cells.chat.domain.channels.errors import ChannelArchived, ChannelNotFound, NotInChannel
from cells.chat.domain.channels.service import require_standing
from cells.chat.domain.messages.errors import AttachmentsTooLarge, BlocksTooLong
from cells.chat.domain.messages.events import PRIVATE
from cells.chat.domain.scheduled.errors import (
    InvalidChannel,
    InvalidScheduledId,
    InvalidTime,
    TimeInPast,
    TimeTooFar,
    TooManyScheduled,
)
from cells.chat.domain.scheduled.repository import ScheduledMessage, ScheduledMessages, Wanted
from cells.chat.domain.scheduled.service import ScheduleMessage, Unschedule
from cells.chat.domain.timestamps import read_ts
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.chat import WRITE, PostArguments, post_of
from cells.chat.slack.drafts import DRAFT_ERRORS
from cells.chat.slack.errors import InvalidArguments, InvalidCursor
from cells.chat.slack.guarding import GUARD_ERRORS, Guarding, admit
from cells.chat.slack.paging import next_cursor, page_size, read_cursor, write_cursor
from cells.chat.slack.registry import Method, Tier

PAGE_DEFAULT = 100
EVER_US = (1 << 63) - 1
SECONDS_DIGITS_MAX = 12
_CURSOR = "scheduled"
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class ScheduleArguments(PostArguments, kw_only=True):
    post_at: str


class ListArguments(msgspec.Struct):
    channel: str = ""
    cursor: str | None = None
    latest: str = ""
    oldest: str = ""
    limit: int | None = None


class UnscheduleArguments(msgspec.Struct):
    channel: str
    scheduled_message_id: str


async def schedule(guard: Guarding, call: Call[ScheduleArguments]) -> Answer:
    post = await post_of(call)
    change = ScheduleMessage(post, _seconds(call.arguments.post_at) * 1_000_000)
    await admit(guard, call.tenant, post)
    one = await call.tenant.commit(change)
    return {
        "channel": one.channel_id,
        "scheduled_message_id": one.scheduled_id,
        "post_at": one.post_us // 1_000_000,
        "message": _face(call, one),
    }


async def list_(call: Call[ListArguments]) -> Answer:
    """One's own that wait, soonest first."""
    arguments = call.arguments
    size = page_size(arguments.limit, PAGE_DEFAULT)
    oldest_us, latest_us = _bound(arguments.oldest, 0, "oldest"), _bound(arguments.latest, EVER_US, "latest")
    wanted = Wanted(arguments.channel, oldest_us, latest_us, _place(arguments.cursor), size + 1)
    async with call.tenant.reading() as connection:
        if arguments.channel:
            try:
                await require_standing(connection, call.tenant.scope, arguments.channel, call.bearer.user_id)
            except ChannelNotFound as error:
                raise InvalidChannel from error
        found = await ScheduledMessages(connection, call.tenant.scope).of_user(call.bearer.user_id, wanted)
    cursor = write_cursor(_CURSOR, f"{found[size - 1].post_us}{found[size - 1].scheduled_id}") if len(found) > size else ""
    return {"scheduled_messages": [_entry(one) for one in found[:size]], "response_metadata": next_cursor(cursor)}


async def unschedule(call: Call[UnscheduleArguments]) -> Answer:
    arguments = call.arguments
    async with call.tenant.reading() as connection:
        await require_standing(connection, call.tenant.scope, arguments.channel, call.bearer.user_id)
    await call.tenant.commit(Unschedule(arguments.scheduled_message_id, arguments.channel, call.bearer.user_id))
    return {}


def _seconds(post_at: str) -> int:
    whole = post_at.strip().partition(".")[0]
    if not (whole.isascii() and whole.isdigit() and len(whole) <= SECONDS_DIGITS_MAX):
        raise InvalidTime
    return int(whole)


def _bound(ts: str, default_us: int, name: str) -> int:
    if not ts:
        return default_us
    ts_us = read_ts(ts)
    if ts_us is None:
        raise InvalidArguments(f"must be a timestamp [json-pointer:/{name}]")
    return ts_us


def _place(cursor: str | None) -> tuple[int, str]:
    place = read_cursor(_CURSOR, cursor)
    if not place:
        return 0, ""
    post_us, letter, rest = place.partition("Q")
    if not letter or not post_us.isascii() or not post_us.isdigit() or len(post_us) > 18:
        raise InvalidCursor
    return int(post_us), f"Q{rest}"


def _entry(one: ScheduledMessage) -> Answer:
    return {
        "id": one.scheduled_id,
        "channel_id": one.channel_id,
        "post_at": one.post_us // 1_000_000,
        "date_created": one.created_us // 1_000_000,
        "text": one.text,
    }


def _face(call: Call[ScheduleArguments], one: ScheduledMessage) -> Answer:
    face: Answer = {"type": "delayed_message", "text": one.text, "user": one.user_id, "team": call.team_id}
    if one.bot_id is not None:
        face |= {"bot_id": one.bot_id, "app_id": one.app_id}
    if one.extras is not None:
        face |= _decode(one.extras)
        face.pop(PRIVATE, None)
    return face


_ERRORS = (
    *DRAFT_ERRORS,
    *GUARD_ERRORS,
    BlocksTooLong,
    AttachmentsTooLarge,
    ChannelNotFound,
    NotInChannel,
    ChannelArchived,
    InvalidTime,
    TimeInPast,
    TimeTooFar,
    TooManyScheduled,
)


def methods(guard: Guarding) -> tuple[Method, ...]:
    return (
        Method("chat.scheduleMessage", partial(schedule, guard), Tier.THREE, ScheduleArguments, WRITE, _ERRORS),
        Method("chat.scheduledMessages.list", list_, Tier.THREE, ListArguments, (), (InvalidChannel, InvalidCursor)),
        Method("chat.deleteScheduledMessage", unschedule, Tier.THREE, UnscheduleArguments, WRITE, (ChannelNotFound, InvalidScheduledId)),
    )
