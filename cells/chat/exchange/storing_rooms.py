"""Conversations come in, with their people: by their ids of old, or as the one that is here already."""

from collections.abc import Sequence
from dataclasses import replace

from cells.chat.domain.channels.channel import Channel, ChannelKind, Standing
from cells.chat.domain.channels.events import channel_created, channel_joined
from cells.chat.domain.channels.names import NAME_LENGTH_MAX
from cells.chat.domain.channels.repository import Channels
from cells.chat.domain.imports.past import Past
from cells.chat.domain.members.events import member_joined
from cells.chat.domain.teams.repository import Teams
from cells.chat.exchange.rooms import PastRoom
from cells.chat.exchange.tally import Tally
from cells.runtime.log import Transaction
from chassis.identity import ChannelId

COUNTED = {
    ChannelKind.PUBLIC: "channels",
    ChannelKind.PRIVATE: "private_channels",
    ChannelKind.IM: "direct_messages",
    ChannelKind.MPIM: "group_messages",
}


async def store_rooms(tx: Transaction, rooms: Sequence[PastRoom], tally: Tally) -> None:
    for room in rooms:
        channel = await _store(tx, room, tally)
        tally.mapping.folders[room.folder] = channel.channel_id
        await _bring_in(tx, channel, room, tally)


async def _store(tx: Transaction, room: PastRoom, tally: Tally) -> Channel:
    channels = Channels(tx.connection, tx.scope)
    wanted = room.channel
    there = await channels.get(wanted.channel_id, "") or await _same(tx, wanted)
    if there is not None:
        if there.channel.channel_id != wanted.channel_id:
            tally.mapping.ids[wanted.channel_id] = there.channel.channel_id
            tally.note("channel", f"{wanted.channel_id} {wanted.name}".strip(), f"is {there.channel.channel_id} here already")
        tally.count("channels_already_here")
        return there.channel
    now_us = tx.next_ts_us()
    name = wanted.name if wanted.is_direct else await _free_name(channels, wanted.name)
    if name != wanted.name:
        tally.note("channel", f"{wanted.channel_id} {wanted.name}", f"is called {name} here: the name is another's")
    made = replace(wanted, name=name, created_us=wanted.created_us or now_us, updated_us=wanted.updated_us or now_us, is_general=False)
    await channels.insert(made)
    tally.count(COUNTED[made.kind])
    if made.kind is ChannelKind.PUBLIC:
        tx.append(channel_created(made))
    return made


async def _same(tx: Transaction, wanted: Channel) -> Standing | None:
    """The general channel is the one that is here, a public channel the public one of its name, a direct conversation the
    one among the same people. Private channels are never thrown together.
    """
    channels, found = Channels(tx.connection, tx.scope), None
    if wanted.is_direct:
        found = await channels.id_of_people(wanted.people)
    elif wanted.is_general:
        team = await Teams(tx.connection, tx.scope).get()
        found = team.general_id if team else None
    elif wanted.kind is ChannelKind.PUBLIC:
        found = await channels.id_of_name(wanted.name)
    there = await channels.get(found, "") if found else None
    return there if there is not None and there.channel.kind is wanted.kind else None


async def _free_name(channels: Channels, wish: str) -> str:
    name, number = wish, 2
    while await channels.id_of_name(name):
        name, number = f"{wish[: NAME_LENGTH_MAX - 8]}-{number}", number + 1
    return name


async def _bring_in(tx: Transaction, channel: Channel, room: PastRoom, tally: Tally) -> None:
    """Who has a token may be here now, and has to hear that they are in."""
    past, now_us, team_id = Past(tx.connection, tx.scope), tx.next_ts_us(), tx.scope.workspace_id
    joined = await past.insert_members(channel.channel_id, room.members, now_us) if room.members else []
    for user_id in sorted(await past.who_may_listen(joined)) if joined else ():
        tx.append(channel_joined(channel, team_id, user_id, now_us))
        if not channel.is_direct:
            tx.append(member_joined(channel, team_id, user_id, None, now_us))
    tally.count("members", len(joined))
    pins = [replace(pin, channel_id=ChannelId(channel.channel_id), created_us=pin.created_us or now_us) for pin in room.pins]
    if pins:
        tally.count("pins", await past.insert_pins(pins))
