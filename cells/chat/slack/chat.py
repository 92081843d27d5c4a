"""chat.*: posting, changing, deleting."""

import re

import msgspec

from cells.chat.domain.channels.errors import ChannelArchived, ChannelNotFound, NotInChannel
from cells.chat.domain.channels.repository import Channels
from cells.chat.domain.members.opening import OpenDirect
from cells.chat.domain.messages.errors import (
    AttachmentsTooLarge,
    BlocksTooLong,
    CantDelete,
    CantReply,
    CantUpdate,
    ChannelInactive,
    InvalidAttachments,
    InvalidBlocks,
    InvalidBlocksFormat,
    InvalidMetadata,
    MarkdownConflict,
    MessageNotFound,
    MetadataTooLarge,
    NoText,
    TextTooLong,
    TooManyAttachments,
)
from cells.chat.domain.messages.posting import PostMessage
from cells.chat.domain.messages.service import DeleteMessage, UpdateMessage, checked_text
from cells.chat.domain.roles.actions import Action, may
from cells.chat.domain.timestamps import read_ts
from cells.chat.domain.users.errors import UserDisabled, UserNotFound
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.drafts import DraftArguments, extras_of, text_of
from cells.chat.slack.errors import InvalidArguments
from cells.chat.slack.registry import Method, Tier
from cells.runtime.workload import Tenant
from chassis.identity import ChannelId, UserId

CLIENT_MSG_ID_LENGTH_MAX = 128
_CHANNEL_ID = re.compile(r"[CDG][A-Z0-9]{8,}")
_USER_ID = re.compile(r"[UW][A-Z0-9]{8,}")


class PostArguments(DraftArguments, kw_only=True):
    channel: str
    thread_ts: str | None = None
    reply_broadcast: bool = False
    client_msg_id: str | None = None


class UpdateArguments(DraftArguments, kw_only=True):
    channel: str
    ts: str


class DeleteArguments(msgspec.Struct):
    channel: str
    ts: str


async def post_message(call: Call[PostArguments]) -> Answer:
    """Answered after COMMIT. The same `client_msg_id` again is answered with the message that is there."""
    arguments, bearer = call.arguments, call.bearer
    extras = extras_of(arguments) if arguments.blocks or arguments.attachments or arguments.metadata else None
    change = PostMessage(
        channel_id=await destination(call.tenant, bearer.user_id, arguments.channel),
        user_id=bearer.user_id,
        text=checked_text(text_of(arguments) or "", extras),
        bot_id=bearer.bot_id,
        app_id=bearer.app_id,
        thread_us=thread_of(arguments.thread_ts),
        broadcast=arguments.reply_broadcast,
        client_msg_id=checked_client_msg_id(arguments.client_msg_id),
        extras=extras,
    )
    posted = await call.tenant.commit(change)
    return {"channel": change.channel_id, "ts": posted.face["ts"], "message": posted.face}


async def update(call: Call[UpdateArguments]) -> Answer:
    arguments = call.arguments
    extras, text = _changed_extras(arguments), text_of(arguments)
    if text is not None or extras is None:
        checked_text(text or "", None if extras == "{}" else extras)
    change = UpdateMessage(arguments.channel, require_ts(arguments.ts), call.bearer.user_id, text, extras)
    face = await call.tenant.commit(change)
    return {"channel": arguments.channel, "ts": face["ts"], "text": face["text"], "message": face}


async def delete(call: Call[DeleteArguments]) -> Answer:
    arguments, bearer = call.arguments, call.bearer
    ts_us = require_ts(arguments.ts)
    await call.tenant.commit(DeleteMessage(arguments.channel, ts_us, bearer.user_id, may(bearer.role, Action.DELETE_MESSAGE_OF_OTHERS)))
    return {"channel": arguments.channel, "ts": arguments.ts}


def _changed_extras(arguments: UpdateArguments) -> str | None:
    """What is too large has words of its own in chat.postMessage alone."""
    try:
        return extras_of(arguments)
    except BlocksTooLong as error:
        raise InvalidBlocks(error.detail) from error
    except AttachmentsTooLarge as error:
        raise InvalidAttachments(error.detail) from error


async def destination(tenant: Tenant, user_id: UserId, channel: str) -> ChannelId:
    """An id as it is (posting checks it); else a name, with or without `#`, or a user, whose direct message is opened."""
    if _CHANNEL_ID.fullmatch(channel):
        return ChannelId(channel)
    if _USER_ID.fullmatch(channel):
        return await _direct_message(tenant, user_id, channel)
    async with tenant.reading() as connection:
        found = await Channels(connection, tenant.scope).id_of_name(channel.removeprefix("#"))
    if found is None:
        raise ChannelNotFound
    return ChannelId(found)


async def _direct_message(tenant: Tenant, user_id: UserId, other_id: str) -> ChannelId:
    try:
        return (await tenant.commit(OpenDirect(user_id, (other_id,)))).channel.channel_id
    except (UserNotFound, UserDisabled) as error:
        raise ChannelNotFound from error


def thread_of(thread_ts: str | None) -> int | None:
    if not thread_ts:
        return None
    thread_us = read_ts(thread_ts)
    if thread_us is None:
        raise InvalidArguments("must be a timestamp [json-pointer:/thread_ts]")
    return thread_us


def require_ts(ts: str) -> int:
    """What is no timestamp names no message."""
    ts_us = read_ts(ts)
    if ts_us is None:
        raise MessageNotFound
    return ts_us


def checked_client_msg_id(given: str | None) -> str | None:
    if given is not None and len(given) > CLIENT_MSG_ID_LENGTH_MAX:
        raise InvalidArguments(f"must have at most {CLIENT_MSG_ID_LENGTH_MAX} characters [json-pointer:/client_msg_id]")
    return given or None


_DRAFT_ERRORS = (
    NoText,
    TextTooLong,
    MarkdownConflict,
    InvalidBlocks,
    InvalidBlocksFormat,
    TooManyAttachments,
    InvalidMetadata,
    MetadataTooLarge,
)
_POSTS = (*_DRAFT_ERRORS, BlocksTooLong, AttachmentsTooLarge, ChannelNotFound, NotInChannel, ChannelArchived, CantReply)
_UPDATES = (*_DRAFT_ERRORS, InvalidAttachments, ChannelNotFound, MessageNotFound, CantUpdate, ChannelInactive)

METHODS = (
    Method("chat.postMessage", post_message, Tier.SPECIAL, PostArguments, ("chat:write",), _POSTS, limited_by="channel"),
    Method("chat.update", update, Tier.THREE, UpdateArguments, ("chat:write",), _UPDATES),
    Method("chat.delete", delete, Tier.THREE, DeleteArguments, ("chat:write",), (ChannelNotFound, MessageNotFound, CantDelete)),
)
