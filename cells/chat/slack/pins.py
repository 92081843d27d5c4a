"""pins.*"""

import msgspec

from cells.chat.domain.channels.errors import ChannelNotFound, NotInChannel
from cells.chat.domain.channels.service import require_standing
from cells.chat.domain.messages.errors import MessageNotFound
from cells.chat.domain.messages.repository import Messages
from cells.chat.domain.pins.errors import AlreadyPinned, NotPinned, TooManyPins
from cells.chat.domain.pins.events import pin_face
from cells.chat.domain.pins.repository import Pins
from cells.chat.domain.pins.service import PINS_MAX, AddPin, RemovePin
from cells.chat.domain.reactions.errors import BadTimestamp, NoItem
from cells.chat.domain.roles.errors import RestrictedAction
from cells.chat.domain.teams.repository import Teams
from cells.chat.domain.timestamps import read_ts
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.permalinks import permalink_of
from cells.chat.slack.registry import Method, Tier


class PinArguments(msgspec.Struct):
    channel: str
    timestamp: str = ""


class ListArguments(msgspec.Struct):
    channel: str


async def add(call: Call[PinArguments]) -> Answer:
    await call.tenant.commit(AddPin(call.arguments.channel, _item(call.arguments), call.bearer.user_id))
    return {}


async def remove(call: Call[PinArguments]) -> Answer:
    await call.tenant.commit(RemovePin(call.arguments.channel, _item(call.arguments), call.bearer.user_id))
    return {}


async def list_(call: Call[ListArguments]) -> Answer:
    """The latest pinned first."""
    scope = call.tenant.scope
    async with call.tenant.reading() as connection:
        channel = (await require_standing(connection, scope, call.arguments.channel, call.bearer.user_id)).channel
        pins = await Pins(connection, scope).of(channel.channel_id, PINS_MAX)
        messages = await Messages(connection, scope).get_many([(channel.channel_id, pin.ts_us) for pin in pins])
        team = await Teams(connection, scope).get()
    items = []
    for pin in pins:
        message = messages[channel.channel_id, pin.ts_us]
        item = pin_face(pin, message, call.team_id)
        item["message"]["permalink"] = permalink_of(call, team.domain if team else "", message)
        items.append(item)
    return {"items": items, "count": len(items)}


def _item(arguments: PinArguments) -> int:
    if not arguments.timestamp:
        raise NoItem
    ts_us = read_ts(arguments.timestamp)
    if ts_us is None:
        raise BadTimestamp
    return ts_us


_ITEM = (NoItem, BadTimestamp, ChannelNotFound, MessageNotFound, RestrictedAction)

METHODS = (
    Method("pins.add", add, Tier.TWO, PinArguments, ("pins:write",), (*_ITEM, NotInChannel, AlreadyPinned, TooManyPins)),
    Method("pins.remove", remove, Tier.TWO, PinArguments, ("pins:write",), (*_ITEM, NotPinned)),
    Method("pins.list", list_, Tier.TWO, ListArguments, ("pins:read",), (ChannelNotFound,)),
)
