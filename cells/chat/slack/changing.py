"""conversations.*: a channel's topic, purpose and name, and whether it is in use."""

from cells.chat.domain.channels.changing import ArchiveChannel, RenameChannel, SetPurpose, SetTopic, UnarchiveChannel
from cells.chat.domain.channels.errors import (
    AlreadyArchived,
    CantArchiveGeneral,
    ChannelArchived,
    ChannelNotFound,
    NotArchived,
    NoteTooLong,
    NotInChannel,
    WrongChannelType,
)
from cells.chat.domain.channels.names import checked_name
from cells.chat.domain.roles.actions import Action, require_may
from cells.chat.domain.roles.errors import NotAuthorized, RestrictedAction, UserIsRestricted, UserIsUltraRestricted
from cells.chat.domain.tokens.errors import MissingScope
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.conversations import NAMES, ChannelArguments, face_of, require_scoped
from cells.chat.slack.registry import Method, Tier
from cells.chat.slack.scopes import TOPIC, WRITE, any_of


class TopicArguments(ChannelArguments):
    topic: str


class PurposeArguments(ChannelArguments):
    purpose: str


class RenameArguments(ChannelArguments):
    name: str = ""


async def set_topic(call: Call[TopicArguments]) -> Answer:
    standing = await require_scoped(call, call.arguments.channel, TOPIC)
    require_may(call.bearer.role, Action.SET_TOPIC)
    channel = await call.tenant.commit(SetTopic(standing.channel.channel_id, call.bearer.user_id, call.arguments.topic))
    return {"channel": face_of(call, channel, is_member=True)}


async def set_purpose(call: Call[PurposeArguments]) -> Answer:
    standing = await require_scoped(call, call.arguments.channel, TOPIC)
    require_may(call.bearer.role, Action.SET_TOPIC)
    channel = await call.tenant.commit(SetPurpose(standing.channel.channel_id, call.bearer.user_id, call.arguments.purpose))
    return {"channel": face_of(call, channel, is_member=True), "purpose": channel.purpose}


async def rename(call: Call[RenameArguments]) -> Answer:
    """Answers with the name as it is stored."""
    standing = await require_scoped(call, call.arguments.channel, WRITE)
    name, bearer = checked_name(call.arguments.name), call.bearer
    channel = await call.tenant.commit(RenameChannel(standing.channel.channel_id, bearer.user_id, bearer.role, name))
    return {"channel": face_of(call, channel, is_member=True)}


async def archive(call: Call[ChannelArguments]) -> Answer:
    standing = await require_scoped(call, call.arguments.channel, WRITE)
    require_may(call.bearer.role, Action.ARCHIVE)
    await call.tenant.commit(ArchiveChannel(standing.channel.channel_id, call.bearer.user_id))
    return {}


async def unarchive(call: Call[ChannelArguments]) -> Answer:
    standing = await require_scoped(call, call.arguments.channel, WRITE)
    require_may(call.bearer.role, Action.UNARCHIVE)
    await call.tenant.commit(UnarchiveChannel(standing.channel.channel_id, call.bearer.user_id))
    return {}


_CHANNEL = (ChannelNotFound, WrongChannelType, MissingScope)
_NOTES = (*_CHANNEL, NotInChannel, ChannelArchived, NoteTooLong, UserIsRestricted, UserIsUltraRestricted)
_RENAMES = (*_CHANNEL, *NAMES, NotInChannel, ChannelArchived, NotAuthorized)
_ARCHIVES = (*_CHANNEL, NotInChannel, AlreadyArchived, CantArchiveGeneral, RestrictedAction)
_UNARCHIVES = (*_CHANNEL, NotArchived, UserIsRestricted, UserIsUltraRestricted)

METHODS = (
    Method("conversations.setTopic", set_topic, Tier.TWO, TopicArguments, any_of(TOPIC), _NOTES),
    Method("conversations.setPurpose", set_purpose, Tier.TWO, PurposeArguments, any_of(TOPIC), _NOTES),
    Method("conversations.rename", rename, Tier.TWO, RenameArguments, any_of(WRITE), _RENAMES),
    Method("conversations.archive", archive, Tier.TWO, ChannelArguments, any_of(WRITE), _ARCHIVES),
    Method("conversations.unarchive", unarchive, Tier.TWO, ChannelArguments, any_of(WRITE), _UNARCHIVES),
)
