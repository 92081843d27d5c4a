"""bookmarks.*"""

from typing import Any

import msgspec

from cells.chat.domain.bookmarks.errors import (
    BookmarkNotFound,
    InvalidBookmarkEmoji,
    InvalidBookmarkType,
    InvalidLink,
    TooManyBookmarks,
)
from cells.chat.domain.bookmarks.events import bookmark_face
from cells.chat.domain.bookmarks.repository import Bookmarks
from cells.chat.domain.bookmarks.service import BOOKMARKS_MAX, AddBookmark, EditBookmark, Editor, RemoveBookmark
from cells.chat.domain.channels.errors import ChannelNotFound
from cells.chat.domain.channels.service import require_standing
from cells.chat.domain.roles.errors import PermissionDenied
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.registry import Method, Tier


class ListArguments(msgspec.Struct):
    channel_id: str


class AddArguments(ListArguments):
    title: str
    type: str
    link: str = ""
    emoji: str = ""


class EditArguments(ListArguments):
    bookmark_id: str
    title: str | None = None
    link: str | None = None
    emoji: str | None = None


class RemoveArguments(ListArguments):
    bookmark_id: str


async def add(call: Call[AddArguments]) -> Answer:
    wanted = call.arguments
    if wanted.type != "link":
        raise InvalidBookmarkType
    bookmark = await call.tenant.commit(AddBookmark(_editor(call), wanted.title, wanted.link, wanted.emoji))
    return {"bookmark": bookmark_face(bookmark, call.team_id)}


async def edit(call: Call[EditArguments]) -> Answer:
    wanted = call.arguments
    change = EditBookmark(_editor(call), wanted.bookmark_id, wanted.title, wanted.link, wanted.emoji)
    return {"bookmark": bookmark_face(await call.tenant.commit(change), call.team_id)}


async def list_(call: Call[ListArguments]) -> Answer:
    async with call.tenant.reading() as connection:
        await require_standing(connection, call.tenant.scope, call.arguments.channel_id, call.bearer.user_id)
        found = await Bookmarks(connection, call.tenant.scope).of(call.arguments.channel_id, BOOKMARKS_MAX)
    return {"bookmarks": [bookmark_face(bookmark, call.team_id) for bookmark in found]}


async def remove(call: Call[RemoveArguments]) -> Answer:
    await call.tenant.commit(RemoveBookmark(_editor(call), call.arguments.bookmark_id))
    return {}


def _editor(call: Call[Any]) -> Editor:
    return Editor(call.arguments.channel_id, call.bearer.user_id, call.bearer.role)


_PARTS = (ChannelNotFound, PermissionDenied, InvalidLink, InvalidBookmarkEmoji)
_WRITE = ("bookmarks:write",)

METHODS = (
    Method("bookmarks.add", add, Tier.TWO, AddArguments, _WRITE, (*_PARTS, InvalidBookmarkType, TooManyBookmarks)),
    Method("bookmarks.edit", edit, Tier.TWO, EditArguments, _WRITE, (*_PARTS, BookmarkNotFound)),
    Method("bookmarks.list", list_, Tier.THREE, ListArguments, ("bookmarks:read",), (ChannelNotFound,)),
    Method("bookmarks.remove", remove, Tier.TWO, RemoveArguments, _WRITE, (ChannelNotFound, PermissionDenied, BookmarkNotFound)),
)
