"""stars.*: what a person saved for later (https://api.slack.com/methods/stars.add)."""

import msgspec

from cells.chat.domain.channels.errors import ChannelNotFound
from cells.chat.domain.files.errors import FileNotFound
from cells.chat.domain.files.events import Site, file_face
from cells.chat.domain.files.repository import Files
from cells.chat.domain.messages.errors import MessageNotFound
from cells.chat.domain.messages.events import message_face
from cells.chat.domain.messages.repository import Messages
from cells.chat.domain.reactions.errors import BadTimestamp
from cells.chat.domain.stars.errors import AlreadyStarred, NoItemSpecified, NotStarred, TooManyStars
from cells.chat.domain.stars.repository import Stars
from cells.chat.domain.stars.service import AddStar, RemoveStar
from cells.chat.domain.stars.star import Star
from cells.chat.domain.timestamps import read_ts
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.errors import InvalidCursor
from cells.chat.slack.paging import next_cursor, page_size, read_cursor, write_cursor
from cells.chat.slack.registry import Method, Tier

PAGE = 100
PAGES_MAX = 100
LATEST_US = 1 << 62


class ItemArguments(msgspec.Struct):
    channel: str = ""
    timestamp: str = ""
    file: str = ""


class ListArguments(msgspec.Struct):
    count: int | None = None
    page: int | None = None
    cursor: str | None = None
    limit: int | None = None


async def add(call: Call[ItemArguments]) -> Answer:
    await call.tenant.commit(AddStar(_item(call.arguments), call.bearer.user_id, not call.bearer.role.is_guest))
    return {}


async def remove(call: Call[ItemArguments]) -> Answer:
    await call.tenant.commit(RemoveStar(_item(call.arguments), call.bearer.user_id))
    return {}


async def list_(call: Call[ListArguments]) -> Answer:
    """By page and count, or by cursor; what was deleted since, or cannot be seen any more, is left out."""
    wanted = call.arguments
    size = page_size(wanted.limit or wanted.count, PAGE)
    page = max(min(wanted.page or 1, PAGES_MAX), 1)
    before = read_cursor("star", wanted.cursor)
    async with call.tenant.reading() as connection:
        stars = Stars(connection, call.tenant.scope, call.bearer.user_id)
        total = await stars.count()
        if before and not before.isdigit():
            raise InvalidCursor
        found = await stars.page(int(before) if before else LATEST_US, size + 1, 0 if before else (page - 1) * size)
        shown = found[:size]
        sees_public = not call.bearer.role.is_guest
        visible = await stars.visible_channels([star.channel_id for star in shown if star.channel_id], sees_public=sees_public)
        ids, files = [star.file_id for star in shown if star.file_id], Files(connection, call.tenant.scope)
        visible |= await files.visible(ids, call.bearer.user_id, sees_public=sees_public)
        found_files = await files.get_many(set(ids))
        texts = await Messages(connection, call.tenant.scope).get_many([(s.channel_id, s.ts_us) for s in shown if s.ts_us])
    site = Site(call.origin.base, call.team_id)
    cursor = write_cursor("star", str(shown[-1].created_us)) if len(found) > size else ""
    items = []
    for star in shown:
        message = texts.get((star.channel_id, star.ts_us))
        if (star.channel_id or star.file_id) not in visible or (star.ts_us and (message is None or message.deleted_us is not None)):
            continue
        extra = {"message": message_face(message, call.team_id)} if message is not None else {}
        if star.file_id in found_files:
            extra = {"file": file_face(found_files[star.file_id], site)}
        items.append(star.face() | extra | {"date_create": star.created_us // 1_000_000})
    paging = {"per_page": size, "spill": 0, "page": page, "total": total, "pages": -(-total // size)}
    return {"items": items, "paging": paging, "response_metadata": next_cursor(cursor)}


def _item(wanted: ItemArguments) -> Star:
    if wanted.file:
        return Star("file", file_id=wanted.file)
    if not wanted.channel:
        raise NoItemSpecified
    if not wanted.timestamp:
        return Star("channel", wanted.channel)
    ts_us = read_ts(wanted.timestamp)
    if not ts_us:
        raise BadTimestamp
    return Star("message", wanted.channel, ts_us)


_ITEM = (NoItemSpecified, BadTimestamp)
_GONE = (ChannelNotFound, MessageNotFound, FileNotFound)

METHODS = (
    Method("stars.add", add, Tier.TWO, ItemArguments, ("stars:write",), (*_ITEM, *_GONE, AlreadyStarred, TooManyStars)),
    Method("stars.remove", remove, Tier.TWO, ItemArguments, ("stars:write",), (*_ITEM, NotStarred)),
    Method("stars.list", list_, Tier.THREE, ListArguments, ("stars:read",), (InvalidCursor,)),
)
