"""reactions.*"""

from collections.abc import Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

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
from cells.chat.domain.users.errors import UserNotFound
from cells.chat.domain.users.service import require_user
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.errors import InvalidCursor
from cells.chat.slack.paging import next_cursor, page_size, read_cursor, write_cursor
from cells.chat.slack.permalinks import permalink_of
from cells.chat.slack.registry import Method, Tier
from cells.chat.slack.shaping import full_face

LISTED_DEFAULT = 100
PAGES_MAX = 10_000
_CURSOR = "reactions"


class ItemArguments(msgspec.Struct):
    channel: str = ""
    timestamp: str = ""


class ReactArguments(ItemArguments):
    name: str = ""


class ListArguments(msgspec.Struct):
    user: str = ""
    count: int | None = None
    page: int | None = None
    cursor: str | None = None
    limit: int | None = None


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
    face["permalink"] = permalink_of(call, team.domain if team else "", message)
    return {"type": "message", "channel": channel.channel_id, "message": face}


async def list_(call: Call[ListArguments]) -> Answer:
    """What somebody reacted to and the caller may see, the latest first. Pages by number, or by cursor."""
    arguments, scope = call.arguments, call.tenant.scope
    size = page_size(arguments.limit or arguments.count, LISTED_DEFAULT)
    number = _page_number(arguments)
    async with call.tenant.reading() as connection:
        user = await require_user(connection, scope, arguments.user or call.bearer.user_id)
        found = Reactions(connection, scope)
        total = await found.count_of(user.user_id, call.bearer.user_id)
        places = await found.of_user(user.user_id, call.bearer.user_id, size, (number - 1) * size)
        items = await _items(call, connection, places)
    more = number * size < total
    return {
        "items": items,
        "paging": {"count": size, "total": total, "page": number, "pages": -(-total // size)},
        "response_metadata": next_cursor(write_cursor(_CURSOR, str(number + 1)) if more else ""),
    }


async def _items(call: Call[ListArguments], connection: AsyncConnection, places: Sequence[tuple[str, int]]) -> list[Answer]:
    messages = Messages(connection, call.tenant.scope)
    found = await messages.get_many(places)
    by_channel: dict[str, list[int]] = {}
    for channel_id, ts_us in places:
        by_channel.setdefault(channel_id, []).append(ts_us)
    reactions = {
        (channel_id, ts_us): there
        for channel_id, times in by_channel.items()
        for ts_us, there in (await Reactions(connection, call.tenant.scope).of(channel_id, times)).items()
    }
    return [
        {"type": "message", "channel": place[0], "message": full_face(found[place], call.team_id, None, reactions.get(place, []))}
        for place in places
    ]


def _page_number(arguments: ListArguments) -> int:
    place = read_cursor(_CURSOR, arguments.cursor)
    if place and not (place.isascii() and place.isdigit() and 0 < int(place) <= PAGES_MAX):
        raise InvalidCursor
    return int(place) if place else min(max(1, arguments.page or 1), PAGES_MAX)


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
    Method("reactions.list", list_, Tier.TWO, ListArguments, ("reactions:read",), (UserNotFound, InvalidCursor)),
    Method("reactions.get", get, Tier.THREE, ItemArguments, ("reactions:read",), _ITEM),
)
