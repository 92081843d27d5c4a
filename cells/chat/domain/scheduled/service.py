"""Scheduling, taking back, and sending what is due."""

from dataclasses import dataclass, replace

import structlog

from cells.chat.domain.channels.errors import ChannelNotFound
from cells.chat.domain.errors import DomainError
from cells.chat.domain.messages.posting import PostMessage, require_place
from cells.chat.domain.notices.service import tell
from cells.chat.domain.scheduled.errors import InvalidScheduledId, TimeInPast, TimeTooFar, TooManyScheduled
from cells.chat.domain.scheduled.repository import ScheduledMessage, ScheduledMessages
from cells.chat.domain.users.repository import Users
from cells.runtime.jobs import drop_due, plan_due
from cells.runtime.log import Transaction
from chassis.identity import UserId, make_id

DUE = "scheduled_message"
AHEAD_S_MAX = 120 * 86_400
NEAR_US = 300_000_000
NEAR_MAX = 30


@dataclass(frozen=True, slots=True)
class ScheduleMessage:
    """A change. Whether it may be posted is asked now, and again when it is."""

    post: PostMessage
    post_us: int

    async def apply(self, tx: Transaction) -> ScheduledMessage:
        now_us = tx.next_ts_us()
        if self.post_us <= now_us:
            raise TimeInPast
        if self.post_us > now_us + AHEAD_S_MAX * 1_000_000:
            raise TimeTooFar
        await require_place(tx, self.post.channel_id, self.post.user_id)
        there = ScheduledMessages(tx.connection, tx.scope)
        if await there.count_near(self.post.channel_id, self.post_us - NEAR_US, self.post_us + NEAR_US) >= NEAR_MAX:
            raise TooManyScheduled
        one = _scheduled(self.post, self.post_us, now_us)
        await there.insert(one)
        await plan_due(tx, DUE, one.scheduled_id, one.post_us)
        return one


@dataclass(frozen=True, slots=True)
class Unschedule:
    scheduled_id: str
    channel_id: str
    user_id: UserId

    async def apply(self, tx: Transaction) -> None:
        if not await ScheduledMessages(tx.connection, tx.scope).remove(self.scheduled_id, self.user_id, self.channel_id):
            raise InvalidScheduledId
        await drop_due(tx, DUE, self.scheduled_id)


async def send_scheduled(tx: Transaction, scheduled_id: str) -> None:
    """Post it. Where it may not be posted any more its author is told, and it is over."""
    one = await ScheduledMessages(tx.connection, tx.scope).take(scheduled_id)
    author = await Users(tx.connection, tx.scope).get(one.user_id) if one else None
    if one is None or author is None or author.deleted:
        return
    try:
        await _post_of(one).apply(tx)
    except DomainError as error:
        structlog.get_logger("scheduled").info("not sent", workspace_id=tx.scope.workspace_id, id=scheduled_id, why=error.code)
        if author.bot_id is None:
            shown = "" if isinstance(error, ChannelNotFound) else f" to <#{one.channel_id}>"
            await tell(tx, author.user_id, f"A message that you scheduled could not be sent{shown} ({error.code}):\n>{one.text}")


def _scheduled(post: PostMessage, post_us: int, now_us: int) -> ScheduledMessage:
    return ScheduledMessage(
        make_id("Q"),
        post.channel_id,
        post.user_id,
        post.bot_id,
        post.app_id,
        post.text,
        post.extras,
        post.thread_us,
        post.broadcast,
        post_us,
        now_us,
    )


def _post_of(one: ScheduledMessage) -> PostMessage:
    """A thread that is gone meanwhile refuses it."""
    post = PostMessage(one.channel_id, one.user_id, one.text, one.bot_id, one.app_id, extras=one.extras)
    return replace(post, thread_us=one.thread_us, broadcast=one.broadcast)
