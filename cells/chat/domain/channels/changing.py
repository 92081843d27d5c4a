"""Changing a channel: its topic and purpose, its name, whether it is in use. Each says so in the channel, as a message."""

from dataclasses import dataclass, replace

from cells.chat.domain.channels.channel import Channel, ChannelKind, Standing
from cells.chat.domain.channels.errors import (
    AlreadyArchived,
    CantArchiveGeneral,
    ChannelArchived,
    NameTaken,
    NotArchived,
    NoteTooLong,
    NotInChannel,
    WrongChannelType,
)
from cells.chat.domain.channels.events import channel_archived, channel_renamed
from cells.chat.domain.channels.names import checked_name
from cells.chat.domain.channels.repository import Channels
from cells.chat.domain.channels.service import require_standing
from cells.chat.domain.messages.notices import say
from cells.chat.domain.roles.actions import Action, require_may
from cells.chat.domain.roles.role import Role
from cells.runtime.log import Transaction
from chassis.identity import UserId

NOTE_LENGTH_MAX = 250
"""Characters of a topic or a purpose."""
PREVIOUS_NAMES_MAX = 10


@dataclass(frozen=True, slots=True)
class SetTopic:
    """Nothing is said where it is the topic already."""

    channel_id: str
    user_id: UserId
    topic: str

    async def apply(self, tx: Transaction) -> Channel:
        channel = await _require_writable(tx, self.channel_id, self.user_id)
        topic = checked_note(self.topic)
        if topic == channel.topic:
            return channel
        said = f"set the channel topic: {topic}" if topic else "cleared the channel topic"
        now_us = await say(tx, channel, self.user_id, "channel_topic", said, topic=topic)
        return await _stored(tx, replace(channel, topic=topic, topic_by=self.user_id, topic_us=now_us, updated_us=now_us))


@dataclass(frozen=True, slots=True)
class SetPurpose:
    """Nothing is said where it is the purpose already."""

    channel_id: str
    user_id: UserId
    purpose: str

    async def apply(self, tx: Transaction) -> Channel:
        channel = await _require_writable(tx, self.channel_id, self.user_id)
        purpose = checked_note(self.purpose)
        if purpose == channel.purpose:
            return channel
        said = f"set the channel purpose: {purpose}" if purpose else "cleared the channel purpose"
        now_us = await say(tx, channel, self.user_id, "channel_purpose", said, purpose=purpose)
        return await _stored(tx, replace(channel, purpose=purpose, purpose_by=self.user_id, purpose_us=now_us, updated_us=now_us))


@dataclass(frozen=True, slots=True)
class RenameChannel:
    """By its creator, or by who may rename others' channels."""

    channel_id: str
    user_id: UserId
    role: Role
    name: str

    async def apply(self, tx: Transaction) -> Channel:
        channel = _require_named(await _require_member(tx, self.channel_id, self.user_id))
        if channel.creator_id != self.user_id:
            require_may(self.role, Action.RENAME_CHANNEL_OF_OTHERS)
        if channel.archived:
            raise ChannelArchived
        name, before = checked_name(self.name), channel.name
        if name == before:
            return channel
        if await Channels(tx.connection, tx.scope).id_of_name(name):
            raise NameTaken
        said = f'has renamed the channel from "{before}" to "{name}"'
        now_us = await say(tx, channel, self.user_id, "channel_name", said, old_name=before, name=name)
        previous = (before, *(old for old in channel.previous_names if old not in (before, name)))[:PREVIOUS_NAMES_MAX]
        channel = await _stored(tx, replace(channel, name=name, previous_names=previous, updated_us=now_us))
        tx.append(channel_renamed(channel, now_us))
        return channel


@dataclass(frozen=True, slots=True)
class ArchiveChannel:
    """Its members stay; nothing more can be said in it."""

    channel_id: str
    user_id: UserId

    async def apply(self, tx: Transaction) -> None:
        channel = _require_named(await _require_member(tx, self.channel_id, self.user_id))
        if channel.is_general:
            raise CantArchiveGeneral
        if channel.archived:
            raise AlreadyArchived
        now_us = await say(tx, channel, self.user_id, "channel_archive", "archived the channel")
        channel = await _stored(tx, replace(channel, archived=True, updated_us=now_us))
        tx.append(channel_archived(channel, self.user_id, now_us))


@dataclass(frozen=True, slots=True)
class UnarchiveChannel:
    """A public channel by anyone who may, a private one by its members."""

    channel_id: str
    user_id: UserId

    async def apply(self, tx: Transaction) -> None:
        channel = _require_named(await require_standing(tx.connection, tx.scope, self.channel_id, self.user_id))
        if not channel.archived:
            raise NotArchived
        now_us = await say(tx, channel, self.user_id, "channel_unarchive", "un-archived the channel")
        channel = await _stored(tx, replace(channel, archived=False, updated_us=now_us))
        tx.append(channel_archived(channel, self.user_id, now_us, again=True))


def checked_note(text: str) -> str:
    """A topic or a purpose, as stored."""
    stored = text.strip()
    if len(stored) > NOTE_LENGTH_MAX:
        raise NoteTooLong
    return stored


async def _require_writable(tx: Transaction, channel_id: str, user_id: str) -> Channel:
    """Group direct messages have topics too."""
    channel = (await _require_member(tx, channel_id, user_id)).channel
    if channel.kind is ChannelKind.IM:
        raise WrongChannelType
    if channel.archived:
        raise ChannelArchived
    return channel


async def _require_member(tx: Transaction, channel_id: str, user_id: str) -> Standing:
    standing = await require_standing(tx.connection, tx.scope, channel_id, user_id)
    if not standing.is_member:
        raise NotInChannel
    return standing


def _require_named(standing: Standing) -> Channel:
    if standing.channel.is_direct:
        raise WrongChannelType
    return standing.channel


async def _stored(tx: Transaction, channel: Channel) -> Channel:
    await Channels(tx.connection, tx.scope).change(channel)
    return channel
