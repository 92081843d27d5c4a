"""chat.startStream, chat.appendStream, chat.stopStream: a bot's message whose text comes bit by bit."""

from functools import partial
from typing import Any

import msgspec

from cells.chat.domain.channels.errors import ChannelArchived, ChannelNotFound, NotInChannel
from cells.chat.domain.messages.errors import (
    BlocksTooLong,
    CantReply,
    ChannelTypeNotSupported,
    InvalidBlocks,
    InvalidBlocksFormat,
    InvalidChunks,
    InvalidMetadata,
    MessageNotFound,
    MetadataTooLarge,
    NoText,
    NotOwnStream,
    NotStreaming,
    TextTooLong,
)
from cells.chat.domain.messages.posting import PostMessage
from cells.chat.domain.messages.streaming import GrowStream, StartStream
from cells.chat.slack.arguments import Nested
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.chat import WRITE
from cells.chat.slack.destinations import destination, require_ts, thread_of
from cells.chat.slack.drafts import MARKDOWN_LENGTH_MAX, DraftArguments, checked_blocks, checked_metadata, draft_of
from cells.chat.slack.guarding import GUARD_ERRORS, Guarding, admit
from cells.chat.slack.registry import Method, Tier

CHUNKS_MAX = 100
TITLE_LENGTH_MAX = 3_000


class Chunked(msgspec.Struct, kw_only=True):
    channel: str
    markdown_text: str = ""
    chunks: Nested | None = None


class StartArguments(Chunked, kw_only=True):
    thread_ts: str | None = None
    username: str = ""
    icon_emoji: str = ""
    icon_url: str = ""


class AppendArguments(Chunked, kw_only=True):
    ts: str


class StopArguments(AppendArguments, kw_only=True):
    blocks: Nested | None = None
    metadata: Nested | None = None


async def start(guard: Guarding, call: Call[StartArguments]) -> Answer:
    """In a thread, or in a direct message."""
    arguments, bearer = call.arguments, call.bearer
    said, tasks = _chunks(arguments)
    shown = DraftArguments(text=said, username=arguments.username, icon_emoji=arguments.icon_emoji, icon_url=arguments.icon_url)
    draft = draft_of(shown if said else msgspec.structs.replace(shown, text=" "), bearer)
    post = PostMessage(
        channel_id=await destination(call.tenant, bearer.user_id, arguments.channel),
        user_id=bearer.user_id,
        text=said,
        bot_id=bearer.bot_id,
        app_id=bearer.app_id,
        thread_us=thread_of(arguments.thread_ts),
        extras=draft.extras,
    )
    await admit(guard, call.tenant, post)
    face = await call.tenant.commit(StartStream(post, tasks))
    return {"channel": post.channel_id, "ts": face["ts"]}


async def append(call: Call[AppendArguments]) -> Answer:
    arguments = call.arguments
    said, tasks = _chunks(arguments)
    if not said and not tasks:
        raise NoText
    await call.tenant.commit(GrowStream(arguments.channel, require_ts(arguments.ts), call.bearer.user_id, said, tasks))
    return {"channel": arguments.channel, "ts": arguments.ts}


async def stop(call: Call[StopArguments]) -> Answer:
    arguments = call.arguments
    said, tasks = _chunks(arguments)
    carried: dict[str, Any] = {}
    if arguments.blocks:
        carried["blocks"] = checked_blocks(arguments.blocks)
    if arguments.metadata:
        carried["metadata"] = checked_metadata(arguments.metadata)
    ts_us = require_ts(arguments.ts)
    change = GrowStream(arguments.channel, ts_us, call.bearer.user_id, said, tasks, stop=True, carried=carried)
    face = await call.tenant.commit(change)
    return {"channel": arguments.channel, "ts": arguments.ts, "message": face}


def _chunks(arguments: Chunked) -> tuple[str, tuple[dict[str, Any], ...]]:
    """The text that comes, and the tasks that are told of."""
    chunks = arguments.chunks or []
    if not isinstance(chunks, list) or len(chunks) > CHUNKS_MAX:
        raise InvalidChunks
    texts, tasks = [arguments.markdown_text], []
    for chunk in chunks:
        match chunk:
            case {"type": "markdown_text", "text": str(text)}:
                texts.append(text)
            case {"type": "task_update", "id": str(task_id), "title": str(title)} if task_id and len(title) <= TITLE_LENGTH_MAX:
                tasks.append(
                    {"type": "task_card", "task_id": task_id[:255], "title": title, "status": str(chunk.get("status", "pending"))[:20]}
                )
            case {"type": "plan_update", "title": str(title)} if len(title) <= TITLE_LENGTH_MAX:
                tasks.append({"type": "plan", "task_id": "plan", "title": title})
            case _:
                raise InvalidChunks
    said = "".join(texts)
    if len(said) > MARKDOWN_LENGTH_MAX:
        raise TextTooLong
    return said, tuple(tasks)


_PLACE = (ChannelNotFound, NotInChannel, ChannelArchived)
_STREAM = (*_PLACE, MessageNotFound, NotStreaming, NotOwnStream, InvalidChunks, TextTooLong)
_START = (*_PLACE, *GUARD_ERRORS, InvalidChunks, ChannelTypeNotSupported, CantReply, TextTooLong)
_STOP = (*_STREAM, InvalidBlocks, InvalidBlocksFormat, BlocksTooLong, InvalidMetadata, MetadataTooLarge)


def methods(guard: Guarding) -> tuple[Method, ...]:
    return (
        Method("chat.startStream", partial(start, guard), Tier.TWO, StartArguments, WRITE, _START),
        Method("chat.appendStream", append, Tier.FOUR, AppendArguments, WRITE, (*_STREAM, NoText)),
        Method("chat.stopStream", stop, Tier.TWO, StopArguments, WRITE, _STOP),
    )
