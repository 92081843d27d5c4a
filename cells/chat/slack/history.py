"""conversations.history and conversations.replies: reading what was said."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.channels.channel import Channel
from cells.chat.domain.channels.errors import ChannelNotFound, NotInChannel
from cells.chat.domain.channels.service import require_standing
from cells.chat.domain.files.hydrating import hydrate
from cells.chat.domain.messages.errors import ThreadNotFound
from cells.chat.domain.messages.hanging_repository import hanging
from cells.chat.domain.messages.message import Message
from cells.chat.domain.messages.repository import Messages, Window
from cells.chat.domain.timestamps import read_ts
from cells.chat.domain.tokens.errors import MissingScope
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.errors import InvalidCursor, InvalidLatest, InvalidOldest
from cells.chat.slack.paging import next_cursor, page_size, read_cursor, write_cursor
from cells.chat.slack.permalinks import show_linked
from cells.chat.slack.registry import Method, Tier
from cells.chat.slack.scopes import HISTORY, any_of
from cells.chat.slack.shaping import full_face
from cells.runtime.tenancy import IN_ORDER, PLANNED_ONCE
from chassis.clock import Clock

HISTORY_PAGE_DEFAULT = 100
REPLIES_PAGE_DEFAULT = 1000
EVER_US = (1 << 63) - 1
AHEAD_US = 3_600_000_000
"""How far another cell's clock may be ahead."""
PAGED = (PLANNED_ONCE, IN_ORDER)
_CURSOR = "next_ts"


class HistoryArguments(msgspec.Struct):
    channel: str
    cursor: str | None = None
    inclusive: bool = False
    latest: str = ""
    oldest: str = ""
    limit: int | None = None
    include_all_metadata: bool = False


class RepliesArguments(HistoryArguments):
    ts: str = ""


async def history(call: Call[HistoryArguments]) -> Answer:
    """Newest first. With `oldest` alone the page is the one closest to it, so that clients may page forward."""
    size = page_size(call.arguments.limit, HISTORY_PAGE_DEFAULT)
    window = until_now(window_of(call.arguments, size + 1), call.clock)
    async with call.tenant.reading(*PAGED) as connection:
        channel = await _require_readable(call, connection)
        found = await Messages(connection, call.tenant.scope).history(channel.channel_id, window)
        shown = sorted(found[:size], key=lambda message: message.ts_us, reverse=True)
        faces, pinned = await _faces(call, connection, channel, shown)
    return {
        "messages": faces,
        "has_more": len(found) > size,
        "pin_count": pinned,
        "channel_actions_ts": None,
        "channel_actions_count": 0,
        "response_metadata": _next_page(found, size),
    }


async def replies(call: Call[RepliesArguments]) -> Answer:
    """The thread's first message begins the first page, whatever the window; then replies, oldest first."""
    size = page_size(call.arguments.limit, REPLIES_PAGE_DEFAULT)
    first_page = not call.arguments.cursor
    window = until_now(window_of(call.arguments, size + 1 - first_page, forward=True), call.clock)
    async with call.tenant.reading(*PAGED) as connection:
        channel = await _require_thread_readable(call, connection)
        root = await _require_root(call, connection, channel)
        found = await Messages(connection, call.tenant.scope).replies(channel.channel_id, root.ts_us, window)
        if root.deleted_us is not None and not found and first_page:
            raise ThreadNotFound
        thread = [root, *found] if first_page else found
        faces, _ = await _faces(call, connection, channel, thread[:size])
    return {"messages": faces, "has_more": len(thread) > size, "response_metadata": _next_page(thread, size)}


def window_of(arguments: HistoryArguments, limit: int, *, forward: bool = False) -> Window:
    """Both ends are left out unless `inclusive`; a cursor moves the end that the pages walk away from."""
    oldest_us, latest_us = _bound(arguments.oldest, InvalidOldest), _bound(arguments.latest, InvalidLatest)
    edge = 0 if arguments.inclusive else 1
    first = 0 if oldest_us is None else oldest_us + edge
    last = EVER_US if latest_us is None else latest_us - edge
    forward = forward or bool(oldest_us and latest_us is None)
    place = _place(arguments.cursor)
    if place is not None and forward:
        first = max(first, place)
    elif place is not None:
        last = min(last, place)
    return Window(first, last, limit, forward)


def until_now(window: Window, clock: Clock) -> Window:
    """Nothing is said in times to come: the months that are made ahead need not be looked into."""
    return replace(window, latest_us=min(window.latest_us, clock.now_us() + AHEAD_US))


def _place(cursor: str | None) -> int | None:
    place = read_cursor(_CURSOR, cursor)
    if not place:
        return None
    if not place.isascii() or not place.isdigit() or int(place) > EVER_US:
        raise InvalidCursor
    return int(place)


def _bound(text: str, refusal: type[InvalidOldest] | type[InvalidLatest]) -> int | None:
    if text in ("", "now"):
        return None
    ts_us = read_ts(text)
    if ts_us is None:
        raise refusal
    return ts_us


def _next_page(found: Sequence[Message], size: int) -> dict[str, str]:
    """It begins with the first message that did not fit."""
    return next_cursor(write_cursor(_CURSOR, str(found[size].ts_us)) if len(found) > size else "")


async def _require_readable(call: Call[Any], connection: AsyncConnection) -> Channel:
    """People read public channels without joining; bots join first."""
    standing = await require_standing(connection, call.tenant.scope, call.arguments.channel, call.bearer.user_id)
    call.require_scope(standing.channel.kind, HISTORY)
    if not standing.is_member and call.bearer.bot_id is not None:
        raise NotInChannel
    return standing.channel


async def _require_thread_readable(call: Call[Any], connection: AsyncConnection) -> Channel:
    """conversations.replies has no `not_in_channel`."""
    try:
        return await _require_readable(call, connection)
    except NotInChannel as error:
        raise ChannelNotFound from error


async def _require_root(call: Call[RepliesArguments], connection: AsyncConnection, channel: Channel) -> Message:
    """`ts` may name the thread's first message or any other in it."""
    messages = Messages(connection, call.tenant.scope)
    ts_us = read_ts(call.arguments.ts)
    for _ in range(2):
        if ts_us is None:
            break
        found = (await messages.get_many([(channel.channel_id, ts_us)])).get((channel.channel_id, ts_us))
        if found is None or (found.thread_us is not None and found.deleted_us is not None):
            break
        if found.thread_us is None:
            return found
        ts_us = found.thread_us
    raise ThreadNotFound


async def _faces(call: Call[Any], connection: AsyncConnection, channel: Channel, shown: Sequence[Message]) -> tuple[list[Answer], int]:
    """And how many messages of the channel are pinned."""
    ts_us = [message.ts_us for message in shown]
    roots = [message.ts_us for message in shown if message.thread_us is None]
    under = await hanging(connection, call.tenant.scope, channel.channel_id, ts_us, roots)
    threads, reactions, metadata = under.threads, under.reactions, call.arguments.include_all_metadata
    faces = [full_face(m, call.team_id, threads.get(m.ts_us), reactions.get(m.ts_us, ()), with_metadata=metadata) for m in shown]
    await show_linked(call, connection, shown, faces)
    await hydrate(connection, call.tenant.scope, faces, call.origin.base)
    return faces, under.pinned


_WINDOW_ERRORS = (ChannelNotFound, InvalidCursor, InvalidOldest, InvalidLatest, MissingScope)

METHODS = (
    Method("conversations.history", history, Tier.THREE, HistoryArguments, any_of(HISTORY), (*_WINDOW_ERRORS, NotInChannel)),
    Method("conversations.replies", replies, Tier.THREE, RepliesArguments, any_of(HISTORY), (*_WINDOW_ERRORS, ThreadNotFound)),
)
