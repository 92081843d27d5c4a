"""emoji.list and admin.emoji.*: emoji that the workspace made itself (https://api.slack.com/methods/emoji.list)."""

import msgspec

from cells.chat.domain.emoji.errors import BadEmojiName, BadEmojiSource, EmojiNameTaken, EmojiNotFound, TooManyEmojiMade
from cells.chat.domain.emoji.repository import CustomEmoji
from cells.chat.domain.emoji.service import EMOJI_MAX, AddEmoji, RemoveEmoji, RenameEmoji, checked_name, checked_url
from cells.chat.domain.roles.actions import Action, require_may
from cells.chat.domain.roles.errors import NotAnAdmin
from cells.chat.domain.timestamps import show_ts
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.errors import InvalidCursor
from cells.chat.slack.paging import next_cursor, page_size
from cells.chat.slack.registry import Method, NoArguments, Tier

PAGE = 100
WRITE = ("admin.teams:write",)


class NameArguments(msgspec.Struct):
    name: str


class AddArguments(NameArguments):
    url: str


class AliasArguments(NameArguments):
    alias_for: str


class RenameArguments(NameArguments):
    new_name: str


class PageArguments(msgspec.Struct):
    cursor: str | None = None
    limit: int | None = None


async def list_(call: Call[NoArguments]) -> Answer:
    """Name to address, or `alias:` and the name that is meant."""
    async with call.tenant.reading() as connection:
        found = await CustomEmoji(connection, call.tenant.scope).page("", EMOJI_MAX)
    latest_us = max((emoji.created_us for emoji in found), default=0)
    return {"emoji": {emoji.name: emoji.shown for emoji in found}, "cache_ts": show_ts(latest_us)}


async def admin_list(call: Call[PageArguments]) -> Answer:
    require_may(call.bearer.role, Action.MANAGE_EMOJI)
    size, after = page_size(call.arguments.limit, PAGE), _read_cursor(call.arguments.cursor)
    async with call.tenant.reading() as connection:
        found = await CustomEmoji(connection, call.tenant.scope).page(after, size + 1)
    shown = {
        emoji.name: {"url": emoji.shown, "date_created": emoji.created_us // 1_000_000, "uploaded_by": emoji.creator_id}
        for emoji in found[:size]
    }
    cursor = found[size - 1].name.encode().hex() + "=" if len(found) > size else ""
    return {"emoji": shown, "response_metadata": next_cursor(cursor)}


async def add(call: Call[AddArguments]) -> Answer:
    require_may(call.bearer.role, Action.MANAGE_EMOJI)
    await call.tenant.commit(AddEmoji(checked_name(call.arguments.name), call.bearer.user_id, checked_url(call.arguments.url)))
    return {}


async def add_alias(call: Call[AliasArguments]) -> Answer:
    require_may(call.bearer.role, Action.MANAGE_EMOJI)
    meant = checked_name(call.arguments.alias_for)
    await call.tenant.commit(AddEmoji(checked_name(call.arguments.name), call.bearer.user_id, alias_for=meant))
    return {}


async def rename(call: Call[RenameArguments]) -> Answer:
    require_may(call.bearer.role, Action.MANAGE_EMOJI)
    await call.tenant.commit(RenameEmoji(checked_name(call.arguments.name), checked_name(call.arguments.new_name)))
    return {}


async def remove(call: Call[NameArguments]) -> Answer:
    require_may(call.bearer.role, Action.MANAGE_EMOJI)
    await call.tenant.commit(RemoveEmoji(checked_name(call.arguments.name)))
    return {}


def _read_cursor(cursor: str | None) -> str:
    """Names are no base64 places: the cursor is the name in hex."""
    try:
        return bytes.fromhex((cursor or "").removesuffix("=")).decode("ascii")
    except ValueError as error:
        raise InvalidCursor from error


_NEW = (NotAnAdmin, BadEmojiName, EmojiNameTaken)

METHODS = (
    Method("emoji.list", list_, Tier.TWO, NoArguments, ("emoji:read",)),
    Method("admin.emoji.list", admin_list, Tier.TWO, PageArguments, WRITE, (NotAnAdmin, InvalidCursor)),
    Method("admin.emoji.add", add, Tier.TWO, AddArguments, WRITE, (*_NEW, BadEmojiSource, TooManyEmojiMade)),
    Method("admin.emoji.addAlias", add_alias, Tier.TWO, AliasArguments, WRITE, (*_NEW, TooManyEmojiMade)),
    Method("admin.emoji.rename", rename, Tier.TWO, RenameArguments, WRITE, (*_NEW, EmojiNotFound)),
    Method("admin.emoji.remove", remove, Tier.TWO, NameArguments, WRITE, (NotAnAdmin, BadEmojiName, EmojiNotFound)),
)
