"""Seeing and making conversations."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.channels.channel import Channel, ChannelKind, Standing
from cells.chat.domain.channels.errors import ChannelNotFound, NameTaken
from cells.chat.domain.channels.events import channel_created
from cells.chat.domain.channels.names import checked_name
from cells.chat.domain.channels.repository import Channels
from cells.runtime.log import Transaction
from cells.runtime.tenancy import TenantScope
from chassis.identity import ChannelId, UserId, make_id


async def require_standing(connection: AsyncConnection, scope: TenantScope, channel_id: str, user_id: str) -> Standing:
    """The channel, if the user may know of it."""
    standing = await Channels(connection, scope).get(channel_id, user_id)
    if standing is None or not standing.visible:
        raise ChannelNotFound
    return standing


@dataclass(frozen=True, slots=True)
class NewChannel:
    name: str
    kind: ChannelKind
    creator_id: UserId
    is_general: bool = False
    topic: str = ""
    purpose: str = ""


async def create_channel(tx: Transaction, new: NewChannel) -> Channel:
    """Store a channel without members yet, and say so if it is public."""
    name = checked_name(new.name)
    channels = Channels(tx.connection, tx.scope)
    if await channels.id_of_name(name):
        raise NameTaken
    channel = channel_of(new, name, tx.next_ts_us())
    await channels.insert(channel)
    if channel.kind is ChannelKind.PUBLIC:
        tx.append(channel_created(channel))
    return channel


def channel_of(new: NewChannel, name: str, now_us: int, people: str = "") -> Channel:
    return Channel(
        channel_id=ChannelId(make_id("D" if new.kind is ChannelKind.IM else "C")),
        kind=new.kind,
        name=name,
        creator_id=new.creator_id,
        created_us=now_us,
        updated_us=now_us,
        archived=False,
        is_general=new.is_general,
        topic=new.topic,
        purpose=new.purpose,
        people=people,
        topic_by=new.creator_id if new.topic else "",
        topic_us=now_us if new.topic else 0,
        purpose_by=new.creator_id if new.purpose else "",
        purpose_us=now_us if new.purpose else 0,
    )
