"""conversations.mark: how far one has read."""

import msgspec

from cells.chat.domain.channels.errors import ChannelNotFound, NotInChannel
from cells.chat.domain.timestamps import read_ts
from cells.chat.domain.tokens.errors import MissingScope
from cells.chat.domain.unread.errors import InvalidTimestamp
from cells.chat.domain.unread.service import MarkRead
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.conversations import require_scoped
from cells.chat.slack.registry import Method, Tier
from cells.chat.slack.scopes import WRITE, any_of


class MarkArguments(msgspec.Struct):
    channel: str
    ts: str


async def mark(call: Call[MarkArguments]) -> Answer:
    ts_us = read_ts(call.arguments.ts)
    if ts_us is None:
        raise InvalidTimestamp
    if any(call.bearer.scopes.isdisjoint(needed) for needed in WRITE.values()):
        await require_scoped(call, call.arguments.channel, WRITE)
    await call.tenant.commit(MarkRead(call.arguments.channel, call.bearer.user_id, ts_us))
    return {}


_MARKS = (ChannelNotFound, NotInChannel, InvalidTimestamp, MissingScope)

METHODS = (Method("conversations.mark", mark, Tier.THREE, MarkArguments, any_of(WRITE), _MARKS),)
