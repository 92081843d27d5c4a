"""conversations.*: seeing, making, joining, leaving."""

from dataclasses import dataclass
from typing import Any

import msgspec

from cells.chat.domain.channels.channel import Channel, ChannelKind, Standing
from cells.chat.domain.channels.errors import (
    CantLeaveGeneral,
    ChannelArchived,
    ChannelNotFound,
    LastMember,
    NameHasSpecials,
    NameInvalid,
    NameIsPunctuation,
    NameRequired,
    NameTaken,
    NameTooLong,
    WrongChannelType,
)
from cells.chat.domain.channels.events import channel_face
from cells.chat.domain.channels.names import checked_name
from cells.chat.domain.channels.repository import Channels
from cells.chat.domain.channels.service import require_standing
from cells.chat.domain.members.opening import CreateConversation
from cells.chat.domain.members.repository import Members
from cells.chat.domain.members.service import JoinChannel, LeaveChannel
from cells.chat.domain.messages.events import message_face
from cells.chat.domain.messages.repository import Messages
from cells.chat.domain.roles.actions import Action, require_may
from cells.chat.domain.roles.errors import RestrictedAction, UserIsUltraRestricted
from cells.chat.domain.timestamps import show_ts
from cells.chat.domain.tokens.errors import MissingScope
from cells.chat.domain.unread.counts import ReadState
from cells.chat.domain.unread.repository import Unread
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.errors import InvalidCursor, InvalidTypes
from cells.chat.slack.paging import next_cursor, page_size, read_cursor, write_cursor
from cells.chat.slack.registry import Method, Tier
from cells.chat.slack.scopes import READ, WRITE, any_of
from cells.runtime.tenancy import PLANNED_ONCE

PAGE_DEFAULT = 100
LOCALE = "en-US"


class CreateArguments(msgspec.Struct):
    name: str = ""
    is_private: bool = False


class ListArguments(msgspec.Struct):
    cursor: str | None = None
    limit: int | None = None
    types: str = "public_channel"
    exclude_archived: bool = False


class ChannelArguments(msgspec.Struct):
    channel: str


class InfoArguments(msgspec.Struct):
    channel: str
    include_num_members: bool = False
    include_locale: bool = False


class MembersArguments(msgspec.Struct):
    channel: str
    cursor: str | None = None
    limit: int | None = None


class OfUserArguments(ListArguments):
    user: str | None = None


@dataclass(frozen=True, slots=True)
class _Page:
    after_id: str
    size: int


async def create(call: Call[CreateArguments]) -> Answer:
    kind = ChannelKind.PRIVATE if call.arguments.is_private else ChannelKind.PUBLIC
    call.require_scope(kind, WRITE)
    require_may(call.bearer.role, Action.CREATE_CHANNEL)
    name = checked_name(call.arguments.name)
    channel = await call.tenant.commit(CreateConversation(name, call.arguments.is_private, call.bearer.user_id))
    return {"channel": face_of(call, channel, is_member=True) | reading_fields(0)}


async def list_(call: Call[ListArguments]) -> Answer:
    """What the user can see, in the order of ids."""
    kinds = _kinds_of(call.arguments.types)
    for kind in kinds:
        call.require_scope(kind, READ)
    page = _Page(read_cursor("channel", call.arguments.cursor), page_size(call.arguments.limit, PAGE_DEFAULT))
    async with call.tenant.reading() as connection:
        found = await Channels(connection, call.tenant.scope).page(
            call.bearer.user_id, kinds, page.after_id, page.size + 1, with_archived=not call.arguments.exclude_archived
        )
    shown = found[: page.size]
    cursor = write_cursor("channel", shown[-1][0].channel.channel_id) if len(found) > page.size else ""
    return {"channels": [_listed(call, standing, count) for standing, count in shown], "response_metadata": next_cursor(cursor)}


async def of_user(call: Call[OfUserArguments]) -> Answer:
    """Of somebody else: what the caller may know of."""
    kinds = _kinds_of(call.arguments.types)
    for kind in kinds:
        call.require_scope(kind, READ)
    page = _Page(read_cursor("channel", call.arguments.cursor), page_size(call.arguments.limit, PAGE_DEFAULT))
    whose, viewer = call.arguments.user or call.bearer.user_id, call.bearer.user_id
    async with call.tenant.reading() as connection:
        found = await Channels(connection, call.tenant.scope).page_of(
            whose, viewer, kinds, page.after_id, page.size + 1, with_archived=not call.arguments.exclude_archived
        )
    shown = found[: page.size]
    cursor = write_cursor("channel", shown[-1].channel.channel_id) if len(found) > page.size else ""
    return {"channels": [standing_face(call, standing) for standing in shown], "response_metadata": next_cursor(cursor)}


async def info(call: Call[InfoArguments]) -> Answer:
    """To a member also how far it is read and how much is not; of a direct conversation the last message too."""
    async with call.tenant.reading(PLANNED_ONCE) as connection:
        standing = await require_standing(connection, call.tenant.scope, call.arguments.channel, call.bearer.user_id)
        call.require_scope(standing.channel.kind, READ)
        face = standing_face(call, standing)
        if standing.is_member:
            state = await Unread(connection, call.tenant.scope).state(standing.channel.channel_id, call.bearer.user_id)
            face |= _state_face(state)
            if standing.channel.is_direct:
                latest = await Messages(connection, call.tenant.scope).get(standing.channel.channel_id, state.place.latest_us)
                face |= {"latest": message_face(latest, call.team_id) if latest else None, "priority": 0}
        if call.arguments.include_num_members:
            face["num_members"] = await Members(connection, call.tenant.scope).count(standing.channel.channel_id)
    if call.arguments.include_locale:
        face["locale"] = LOCALE
    return {"channel": face}


async def join(call: Call[ChannelArguments]) -> Answer:
    joining = await call.tenant.commit(JoinChannel(call.arguments.channel, call.bearer.user_id))
    answer: Answer = {"channel": face_of(call, joining.channel, is_member=True)}
    if joining.already:
        answer |= {"warning": "already_in_channel", "response_metadata": {"warnings": ["already_in_channel"]}}
    return answer


async def leave(call: Call[ChannelArguments]) -> Answer:
    require_may(call.bearer.role, Action.LEAVE)
    standing = await require_scoped(call, call.arguments.channel, WRITE)
    was_member = await call.tenant.commit(LeaveChannel(standing.channel.channel_id, call.bearer.user_id))
    return {} if was_member else {"not_in_channel": True}


async def members(call: Call[MembersArguments]) -> Answer:
    page = _Page(read_cursor("member", call.arguments.cursor), page_size(call.arguments.limit, PAGE_DEFAULT))
    async with call.tenant.reading() as connection:
        standing = await require_standing(connection, call.tenant.scope, call.arguments.channel, call.bearer.user_id)
        call.require_scope(standing.channel.kind, READ)
        found = await Members(connection, call.tenant.scope).page(standing.channel.channel_id, page.after_id, page.size + 1)
    cursor = write_cursor("member", found[page.size - 1]) if len(found) > page.size else ""
    return {"members": found[: page.size], "response_metadata": next_cursor(cursor)}


async def require_scoped(call: Call[Any], channel_id: str, needed: dict[ChannelKind, tuple[str, ...]]) -> Standing:
    """The channel, before a change looks at it again under the fence."""
    async with call.tenant.reading() as connection:
        standing = await require_standing(connection, call.tenant.scope, channel_id, call.bearer.user_id)
    call.require_scope(standing.channel.kind, needed)
    return standing


def face_of(call: Call[Any], channel: Channel, *, is_member: bool) -> Answer:
    return channel_face(channel, call.team_id, call.bearer.user_id, is_member=is_member)


def standing_face(call: Call[Any], standing: Standing) -> Answer:
    is_open = standing.is_member and standing.is_open
    return channel_face(standing.channel, call.team_id, call.bearer.user_id, is_member=standing.is_member, is_open=is_open)


def _listed(call: Call[ListArguments], standing: Standing, count: int) -> Answer:
    face = standing_face(call, standing)
    return face if standing.channel.kind is ChannelKind.IM else face | {"num_members": count}


def _state_face(state: ReadState) -> Answer:
    unread = state.counts.unread
    return {"last_read": shown_read(state.place.last_read_us), "unread_count": unread, "unread_count_display": unread}


def reading_fields(last_read_us: int) -> Answer:
    return {"last_read": shown_read(last_read_us), "latest": None, "unread_count": 0, "unread_count_display": 0, "priority": 0}


def shown_read(last_read_us: int) -> str:
    return show_ts(last_read_us) if last_read_us else "0000000000.000000"


def _kinds_of(types: str) -> list[ChannelKind]:
    try:
        kinds = [ChannelKind(name.strip()) for name in types.split(",") if name.strip()]
    except ValueError as error:
        raise InvalidTypes from error
    return kinds or [ChannelKind.PUBLIC]


def ids_of(users: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in users.split(",") if part.strip()))


NAMES = (NameRequired, NameTooLong, NameIsPunctuation, NameHasSpecials, NameInvalid, NameTaken)
_PAGES = (InvalidCursor, InvalidTypes, MissingScope)
_LEAVES = (
    ChannelNotFound,
    WrongChannelType,
    CantLeaveGeneral,
    LastMember,
    ChannelArchived,
    UserIsUltraRestricted,
    MissingScope,
)

METHODS = (
    Method("conversations.create", create, Tier.TWO, CreateArguments, any_of(WRITE), (*NAMES, RestrictedAction, MissingScope)),
    Method("conversations.list", list_, Tier.TWO, ListArguments, any_of(READ), _PAGES),
    Method("users.conversations", of_user, Tier.THREE, OfUserArguments, any_of(READ), _PAGES),
    Method("conversations.info", info, Tier.THREE, InfoArguments, any_of(READ), (ChannelNotFound, MissingScope)),
    Method(
        "conversations.join",
        join,
        Tier.THREE,
        ChannelArguments,
        ("channels:join", "channels:write"),
        (ChannelNotFound, WrongChannelType, ChannelArchived),
    ),
    Method("conversations.leave", leave, Tier.THREE, ChannelArguments, any_of(WRITE), _LEAVES),
    Method("conversations.members", members, Tier.FOUR, MembersArguments, any_of(READ), (ChannelNotFound, InvalidCursor, MissingScope)),
)
