"""chat.postEphemeral: said to one person's sockets, now and never again; nothing of it is kept."""

from typing import Any

import msgspec

from cells.chat.domain.channels.errors import ChannelArchived, ChannelNotFound, NotInChannel
from cells.chat.domain.messages.errors import (
    AttachmentsTooLarge,
    BlocksTooLong,
    CantReply,
    InvalidAttachments,
    InvalidBlocks,
    TextTooLong,
    UserNotInChannel,
)
from cells.chat.domain.messages.events import PRIVATE
from cells.chat.domain.messages.posting import refusal_at
from cells.chat.domain.messages.repository import Messages
from cells.chat.domain.payloads import payload_of
from cells.chat.domain.timestamps import show_ts
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.destinations import destination, thread_of
from cells.chat.slack.drafts import DRAFT_ERRORS, Draft, DraftArguments, draft_of
from cells.chat.slack.registry import Method, Tier
from cells.runtime.bus.ephemeral import TEXT_CHARACTERS_MAX
from chassis.identity import ChannelId

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class EphemeralArguments(DraftArguments, kw_only=True):
    channel: str
    user: str
    thread_ts: str | None = None


async def post_ephemeral(call: Call[EphemeralArguments]) -> Answer:
    draft = _draft(call)
    channel_id = await destination(call.tenant, call.bearer.user_id, call.arguments.channel)
    thread_us = thread_of(call.arguments.thread_ts)
    await _check(call, channel_id, thread_us)
    ts = show_ts(call.clock.now_us())
    text = payload_of(_face(call, draft, channel_id, ts, thread_us))
    if len(text) > TEXT_CHARACTERS_MAX:
        raise TextTooLong
    call.tenant.tell((call.arguments.user,), text)
    return {"message_ts": ts}


def _draft(call: Call[EphemeralArguments]) -> Draft:
    """What is too large has words of its own in chat.postMessage alone."""
    try:
        return draft_of(call.arguments, call.bearer)
    except BlocksTooLong as error:
        raise InvalidBlocks(error.detail) from error
    except AttachmentsTooLarge as error:
        raise InvalidAttachments(error.detail) from error


async def _check(call: Call[EphemeralArguments], channel_id: ChannelId, thread_us: int | None) -> None:
    """Both are in the channel; the thread is there."""
    author, reader = (channel_id, str(call.bearer.user_id)), (channel_id, call.arguments.user)
    async with call.tenant.reading() as connection:
        messages = Messages(connection, call.tenant.scope)
        places = await messages.places({author, reader})
        thread = thread_us is None or await messages.get(channel_id, thread_us)
    refusal = refusal_at(places.get(author))
    if refusal is not None:
        raise refusal
    if reader not in places or not places[reader].is_member:
        raise UserNotInChannel
    if not thread:
        raise CantReply


def _face(call: Call[EphemeralArguments], draft: Draft, channel_id: ChannelId, ts: str, thread_us: int | None) -> Answer:
    bearer = call.bearer
    face: Answer = {"type": "message", "channel": channel_id, "user": bearer.user_id, "text": draft.text, "ts": ts, "event_ts": ts}
    if bearer.bot_id is not None:
        face |= {"bot_id": bearer.bot_id, "app_id": bearer.app_id}
    if draft.extras is not None:
        face |= _decode(draft.extras)
        face.pop(PRIVATE, None)
    if thread_us is not None:
        face["thread_ts"] = show_ts(thread_us)
    return face | {"team": call.team_id, "is_ephemeral": True}


_ERRORS = (
    *DRAFT_ERRORS,
    InvalidAttachments,
    ChannelNotFound,
    NotInChannel,
    ChannelArchived,
    UserNotInChannel,
    CantReply,
)
METHODS = (Method("chat.postEphemeral", post_ephemeral, Tier.FOUR, EphemeralArguments, ("chat:write",), _ERRORS),)
