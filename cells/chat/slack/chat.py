"""chat.*: posting, changing, deleting."""

from functools import partial

import msgspec

from cells.chat.domain.channels.errors import ChannelArchived, ChannelNotFound, NotInChannel
from cells.chat.domain.messages.editing import UpdateMessage
from cells.chat.domain.messages.errors import (
    AttachmentsTooLarge,
    BlocksTooLong,
    CantBroadcast,
    CantDelete,
    CantReply,
    CantUpdate,
    ChannelInactive,
    EditConflict,
    InvalidAttachments,
    InvalidBlocks,
    MessageNotFound,
    NoDualBroadcast,
    NoText,
    StreamingConflict,
    TextTooLong,
)
from cells.chat.domain.messages.posting import PostMessage
from cells.chat.domain.messages.service import DeleteMessage, checked_text
from cells.chat.domain.presence.keeper import Presences
from cells.chat.domain.roles.actions import Action, may
from cells.chat.domain.timestamps import read_ts
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.calling import with_called
from cells.chat.slack.destinations import checked_client_msg_id, destination, require_ts, thread_of
from cells.chat.slack.drafts import DRAFT_ERRORS, ContentArguments, DraftArguments, carried_of, draft_of, text_of
from cells.chat.slack.errors import InvalidArguments
from cells.chat.slack.guarding import GUARD_ERRORS, Guarding, admit
from cells.chat.slack.registry import Method, Tier


class PostArguments(DraftArguments, kw_only=True):
    channel: str
    thread_ts: str | None = None
    reply_broadcast: bool = False
    client_msg_id: str | None = None


class UpdateArguments(ContentArguments, kw_only=True):
    channel: str
    ts: str
    reply_broadcast: bool = False
    expected_edited_ts: str | None = None
    """Beyond Slack's own: when the message was edited as the caller saw it, `0` for never."""


class DeleteArguments(msgspec.Struct):
    channel: str
    ts: str


class MeArguments(msgspec.Struct):
    channel: str
    text: str = ""


async def post_message(guard: Guarding, presences: Presences, call: Call[PostArguments]) -> Answer:
    """Answered after COMMIT. The same `client_msg_id` again is answered with the message that is there."""
    change = await with_called(presences, call.tenant, await post_of(call))
    await admit(guard, call.tenant, change)
    posted = await call.tenant.commit(change)
    return {"channel": change.channel_id, "ts": posted.face["ts"], "message": posted.face}


async def post_of(call: Call[PostArguments]) -> PostMessage:
    """Refused here where it cannot be said; where it cannot be said to this channel, the change refuses it."""
    arguments, bearer = call.arguments, call.bearer
    draft = draft_of(arguments, bearer)
    return PostMessage(
        channel_id=await destination(call.tenant, bearer.user_id, arguments.channel),
        user_id=bearer.user_id,
        text=draft.text,
        bot_id=bearer.bot_id,
        app_id=bearer.app_id,
        thread_us=thread_of(arguments.thread_ts),
        broadcast=arguments.reply_broadcast,
        client_msg_id=checked_client_msg_id(arguments.client_msg_id),
        extras=draft.extras,
    )


async def me_message(guard: Guarding, call: Call[MeArguments]) -> Answer:
    arguments, bearer = call.arguments, call.bearer
    text = checked_text(arguments.text, None)
    channel_id = await destination(call.tenant, bearer.user_id, arguments.channel)
    change = PostMessage(channel_id, bearer.user_id, text, bearer.bot_id, bearer.app_id, extras='{"subtype":"me_message"}')
    await admit(guard, call.tenant, change)
    posted = await call.tenant.commit(change)
    return {"channel": channel_id, "ts": posted.face["ts"]}


async def update(call: Call[UpdateArguments]) -> Answer:
    arguments = call.arguments
    carried, text = _changed(arguments), text_of(arguments)
    if text is None and not carried and not arguments.reply_broadcast:
        raise NoText
    change = UpdateMessage(
        channel_id=arguments.channel,
        ts_us=require_ts(arguments.ts),
        user_id=call.bearer.user_id,
        text=text,
        carried=carried,
        broadcast=arguments.reply_broadcast,
        expected_edited_us=_expected(arguments.expected_edited_ts),
    )
    face = await call.tenant.commit(change)
    return {"channel": arguments.channel, "ts": face["ts"], "text": face["text"], "message": face}


async def delete(call: Call[DeleteArguments]) -> Answer:
    arguments, bearer = call.arguments, call.bearer
    ts_us = require_ts(arguments.ts)
    await call.tenant.commit(DeleteMessage(arguments.channel, ts_us, bearer.user_id, may(bearer.role, Action.DELETE_MESSAGE_OF_OTHERS)))
    return {"channel": arguments.channel, "ts": arguments.ts}


def _changed(arguments: UpdateArguments) -> dict[str, object]:
    """What is too large has words of its own in chat.postMessage alone."""
    try:
        return carried_of(arguments)
    except BlocksTooLong as error:
        raise InvalidBlocks(error.detail) from error
    except AttachmentsTooLarge as error:
        raise InvalidAttachments(error.detail) from error


def _expected(edited_ts: str | None) -> int | None:
    if edited_ts is None:
        return None
    edited_us = read_ts(edited_ts or "0")
    if edited_us is None:
        raise InvalidArguments("must be a timestamp [json-pointer:/expected_edited_ts]")
    return edited_us


POST_ERRORS = (*DRAFT_ERRORS, *GUARD_ERRORS, BlocksTooLong, AttachmentsTooLarge, ChannelNotFound, NotInChannel, ChannelArchived, CantReply)
_ME_ERRORS = (NoText, TextTooLong, ChannelNotFound, NotInChannel, ChannelArchived, *GUARD_ERRORS)
_UPDATES = (
    *DRAFT_ERRORS,
    InvalidAttachments,
    ChannelNotFound,
    MessageNotFound,
    CantUpdate,
    ChannelInactive,
    EditConflict,
    CantBroadcast,
    NoDualBroadcast,
    StreamingConflict,
)
WRITE = ("chat:write",)


def methods(guard: Guarding, presences: Presences) -> tuple[Method, ...]:
    post = partial(post_message, guard, presences)
    return (
        Method("chat.postMessage", post, Tier.SPECIAL, PostArguments, WRITE, POST_ERRORS, limited_by="channel"),
        Method("chat.meMessage", partial(me_message, guard), Tier.THREE, MeArguments, WRITE, _ME_ERRORS),
        Method("chat.update", update, Tier.THREE, UpdateArguments, WRITE, _UPDATES),
        Method("chat.delete", delete, Tier.THREE, DeleteArguments, WRITE, (ChannelNotFound, MessageNotFound, CantDelete)),
    )
