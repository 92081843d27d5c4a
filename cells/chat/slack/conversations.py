"""conversations.*: seeing, making, joining, leaving, inviting."""

from dataclasses import dataclass
from typing import Any

import msgspec

from cells.chat.domain.channels.channel import Channel, ChannelKind, Standing
from cells.chat.domain.channels.errors import (
    CantLeaveGeneral,
    ChannelArchived,
    ChannelNotFound,
    NameHasSpecials,
    NameInvalid,
    NameIsPunctuation,
    NameRequired,
    NameTaken,
    NameTooLong,
    NotEnoughUsers,
    NotInChannel,
    TooManyUsers,
    UsersNotSupplied,
    WrongChannelType,
)
from cells.chat.domain.channels.events import channel_face
from cells.chat.domain.channels.names import checked_name
from cells.chat.domain.channels.repository import Channels
from cells.chat.domain.channels.service import require_standing
from cells.chat.domain.members.errors import AlreadyInChannel, CantInviteSelf, NoUserToInvite
from cells.chat.domain.members.opening import CreateConversation, OpenDirect
from cells.chat.domain.members.repository import Members
from cells.chat.domain.members.service import InviteToChannel, JoinChannel, LeaveChannel
from cells.chat.domain.messages.events import message_face
from cells.chat.domain.messages.repository import Messages
from cells.chat.domain.timestamps import show_ts
from cells.chat.domain.tokens.errors import MissingScope
from cells.chat.domain.unread.counts import ReadState
from cells.chat.domain.unread.repository import Unread
from cells.chat.domain.users.errors import UserDisabled, UserNotFound
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.errors import InvalidArguments, InvalidCursor, InvalidTypes
from cells.chat.slack.paging import next_cursor, page_size, read_cursor, write_cursor
from cells.chat.slack.registry import Method, Tier
from cells.chat.slack.scopes import INVITE, READ, WRITE, any_of

PAGE_DEFAULT = 100
USERS_PER_INVITE_MAX = 1000


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


class MembersArguments(msgspec.Struct):
    channel: str
    cursor: str | None = None
    limit: int | None = None


class InviteArguments(msgspec.Struct):
    channel: str
    users: str = ""


class OpenArguments(msgspec.Struct):
    channel: str | None = None
    users: str | None = None
    return_im: bool = False


@dataclass(frozen=True, slots=True)
class _Page:
    after_id: str
    size: int


async def create(call: Call[CreateArguments]) -> Answer:
    kind = ChannelKind.PRIVATE if call.arguments.is_private else ChannelKind.PUBLIC
    call.require_scope(kind, WRITE)
    name = checked_name(call.arguments.name)
    channel = await call.tenant.commit(CreateConversation(name, call.arguments.is_private, call.bearer.user_id))
    return {"channel": _face(call, channel, is_member=True) | _reading_fields(0)}


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


async def info(call: Call[InfoArguments]) -> Answer:
    """To a member also how far it is read and how much is not; of a direct conversation the last message too."""
    async with call.tenant.reading() as connection:
        standing = await require_standing(connection, call.tenant.scope, call.arguments.channel, call.bearer.user_id)
        call.require_scope(standing.channel.kind, READ)
        face = _face(call, standing.channel, is_member=standing.is_member)
        if standing.is_member:
            state = await Unread(connection, call.tenant.scope).state(standing.channel.channel_id, call.bearer.user_id)
            face |= _state_face(state)
            if standing.channel.is_direct:
                latest = await Messages(connection, call.tenant.scope).get(standing.channel.channel_id, state.place.latest_us)
                face |= {"latest": message_face(latest, call.team_id) if latest else None, "priority": 0}
        if call.arguments.include_num_members:
            face["num_members"] = await Members(connection, call.tenant.scope).count(standing.channel.channel_id)
    return {"channel": face}


async def join(call: Call[ChannelArguments]) -> Answer:
    joining = await call.tenant.commit(JoinChannel(call.arguments.channel, call.bearer.user_id))
    answer: Answer = {"channel": _face(call, joining.channel, is_member=True)}
    if joining.already:
        answer |= {"warning": "already_in_channel", "response_metadata": {"warnings": ["already_in_channel"]}}
    return answer


async def leave(call: Call[ChannelArguments]) -> Answer:
    standing = await require_scoped(call, call.arguments.channel, WRITE)
    was_member = await call.tenant.commit(LeaveChannel(standing.channel.channel_id, call.bearer.user_id))
    return {} if was_member else {"not_in_channel": True}


async def invite(call: Call[InviteArguments]) -> Answer:
    invited = ids_of(call.arguments.users)
    if len(invited) > USERS_PER_INVITE_MAX:
        raise InvalidArguments(f"at most {USERS_PER_INVITE_MAX} users [json-pointer:/users]")
    standing = await require_scoped(call, call.arguments.channel, INVITE)
    channel = await call.tenant.commit(InviteToChannel(standing.channel.channel_id, call.bearer.user_id, invited))
    return {"channel": _face(call, channel, is_member=True)}


async def members(call: Call[MembersArguments]) -> Answer:
    page = _Page(read_cursor("member", call.arguments.cursor), page_size(call.arguments.limit, PAGE_DEFAULT))
    async with call.tenant.reading() as connection:
        standing = await require_standing(connection, call.tenant.scope, call.arguments.channel, call.bearer.user_id)
        call.require_scope(standing.channel.kind, READ)
        found = await Members(connection, call.tenant.scope).page(standing.channel.channel_id, page.after_id, page.size + 1)
    cursor = write_cursor("member", found[page.size - 1]) if len(found) > page.size else ""
    return {"members": found[: page.size], "response_metadata": next_cursor(cursor)}


async def open_(call: Call[OpenArguments]) -> Answer:
    """By people, or by the id of a direct message that is there already."""
    if call.arguments.channel:
        standing = await require_scoped(call, call.arguments.channel, WRITE)
        if not standing.channel.is_direct:
            raise WrongChannelType
        return _opened(call, standing.channel, already=True)
    if call.arguments.users is None:
        raise UsersNotSupplied
    others = ids_of(call.arguments.users)
    call.require_scope(ChannelKind.IM if len(set(others) - {call.bearer.user_id}) < 2 else ChannelKind.MPIM, WRITE)
    opening = await call.tenant.commit(OpenDirect(call.bearer.user_id, others))
    return _opened(call, opening.channel, already=opening.already)


async def require_scoped(call: Call[Any], channel_id: str, needed: dict[ChannelKind, tuple[str, ...]]) -> Standing:
    """The channel, before a change looks at it again under the fence."""
    async with call.tenant.reading() as connection:
        standing = await require_standing(connection, call.tenant.scope, channel_id, call.bearer.user_id)
    call.require_scope(standing.channel.kind, needed)
    return standing


def _opened(call: Call[OpenArguments], channel: Channel, *, already: bool) -> Answer:
    full = call.arguments.return_im or channel.kind is not ChannelKind.IM
    answer: Answer = {"channel": _face(call, channel, is_member=True) | _reading_fields(0) if full else {"id": channel.channel_id}}
    return answer | {"no_op": True, "already_open": True} if already else answer


def _face(call: Call[msgspec.Struct], channel: Channel, *, is_member: bool) -> Answer:
    return channel_face(channel, call.team_id, call.bearer.user_id, is_member=is_member)


def _listed(call: Call[ListArguments], standing: Standing, count: int) -> Answer:
    face = _face(call, standing.channel, is_member=standing.is_member)
    return face if standing.channel.kind is ChannelKind.IM else face | {"num_members": count}


def _state_face(state: ReadState) -> Answer:
    unread = state.counts.unread
    return {"last_read": shown_read(state.place.last_read_us), "unread_count": unread, "unread_count_display": unread}


def _reading_fields(last_read_us: int) -> Answer:
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


_NAMES = (NameRequired, NameTooLong, NameIsPunctuation, NameHasSpecials, NameInvalid, NameTaken)
_INVITES = (
    ChannelNotFound,
    WrongChannelType,
    NotInChannel,
    ChannelArchived,
    NoUserToInvite,
    CantInviteSelf,
    UserNotFound,
    AlreadyInChannel,
    MissingScope,
)
_OPENS = (ChannelNotFound, WrongChannelType, UsersNotSupplied, NotEnoughUsers, TooManyUsers, UserNotFound, UserDisabled, MissingScope)
_LEAVES = (ChannelNotFound, WrongChannelType, CantLeaveGeneral, ChannelArchived, MissingScope)

METHODS = (
    Method("conversations.create", create, Tier.TWO, CreateArguments, any_of(WRITE), (*_NAMES, MissingScope)),
    Method("conversations.list", list_, Tier.TWO, ListArguments, any_of(READ), (InvalidCursor, InvalidTypes, MissingScope)),
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
    Method("conversations.invite", invite, Tier.THREE, InviteArguments, any_of(INVITE), _INVITES),
    Method("conversations.members", members, Tier.FOUR, MembersArguments, any_of(READ), (ChannelNotFound, InvalidCursor, MissingScope)),
    Method("conversations.open", open_, Tier.THREE, OpenArguments, any_of(WRITE), _OPENS),
)
