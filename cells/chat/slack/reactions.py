"""reactions.*"""

import msgspec

from cells.chat.domain.channels.errors import ChannelArchived, ChannelNotFound
from cells.chat.domain.channels.service import require_standing
from cells.chat.domain.messages.errors import MessageNotFound
from cells.chat.domain.messages.repository import Messages
from cells.chat.domain.reactions.errors import (
    AlreadyReacted,
    BadTimestamp,
    InvalidEmoji,
    NoItem,
    NoReaction,
    TooManyEmoji,
    TooManyReactions,
)
from cells.chat.domain.reactions.repository import Reactions
from cells.chat.domain.reactions.service import AddReaction, RemoveReaction, checked_emoji
from cells.chat.domain.teams.repository import Teams
from cells.chat.domain.timestamps import read_ts
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.registry import Method, Tier
from cells.chat.slack.shaping import full_face


class ItemArguments(msgspec.Struct):
    channel: str = ""
    timestamp: str = ""


class ReactArguments(ItemArguments):
    name: str = ""


async def add(call: Call[ReactArguments]) -> Answer:
    name, ts_us = checked_emoji(call.arguments.name), _item(call.arguments)
    await call.tenant.commit(AddReaction(call.arguments.channel, ts_us, name, call.bearer.user_id))
    return {}


async def remove(call: Call[ReactArguments]) -> Answer:
    name, ts_us = checked_emoji(call.arguments.name), _item(call.arguments)
    await call.tenant.commit(RemoveReaction(call.arguments.channel, ts_us, name, call.bearer.user_id))
    return {}


async def get(call: Call[ItemArguments]) -> Answer:
    ts_us = _item(call.arguments)
    async with call.tenant.reading() as connection:
        scope = call.tenant.scope
        channel = (await require_standing(connection, scope, call.arguments.channel, call.bearer.user_id)).channel
        message = await Messages(connection, scope).get(channel.channel_id, ts_us)
        if message is None:
            raise MessageNotFound
        reactions = (await Reactions(connection, scope).of(channel.channel_id, [ts_us])).get(ts_us, [])
        threads = await Messages(connection, scope).threads(channel.channel_id, [ts_us])
        team = await Teams(connection, scope).get()
    face = full_face(message, call.team_id, threads.get(ts_us), reactions)
    face["permalink"] = f"{call.origin.page_url(team.domain if team else '')}archives/{channel.channel_id}/p{ts_us}"
    return {"type": "message", "channel": channel.channel_id, "message": face}


def _item(arguments: ItemArguments) -> int:
    if not arguments.channel or not arguments.timestamp:
        raise NoItem
    ts_us = read_ts(arguments.timestamp)
    if ts_us is None:
        raise BadTimestamp
    return ts_us


_ITEM = (NoItem, BadTimestamp, ChannelNotFound, MessageNotFound)
_ADDS = (*_ITEM, InvalidEmoji, AlreadyReacted, TooManyEmoji, TooManyReactions, ChannelArchived)

METHODS = (
    Method("reactions.add", add, Tier.THREE, ReactArguments, ("reactions:write",), _ADDS),
    Method("reactions.remove", remove, Tier.TWO, ReactArguments, ("reactions:write",), (*_ITEM, InvalidEmoji, NoReaction)),
    Method("reactions.get", get, Tier.THREE, ItemArguments, ("reactions:read",), _ITEM),
)
