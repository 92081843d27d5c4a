"""conversations.open and conversations.close: direct conversations, of two people or of up to nine."""

import msgspec

from cells.chat.domain.channels.channel import Channel, ChannelKind
from cells.chat.domain.channels.errors import ChannelNotFound, NotEnoughUsers, TooManyUsers, UsersNotSupplied, WrongChannelType
from cells.chat.domain.members.errors import UserNotVisible
from cells.chat.domain.members.opening import CloseDirect, OpenDirect, ReopenDirect
from cells.chat.domain.tokens.errors import MissingScope
from cells.chat.domain.users.errors import UserDisabled, UserNotFound
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.conversations import ChannelArguments, face_of, ids_of, reading_fields, require_scoped
from cells.chat.slack.registry import Method, Tier
from cells.chat.slack.scopes import WRITE, any_of


class OpenArguments(msgspec.Struct):
    channel: str | None = None
    users: str | None = None
    return_im: bool = False
    prevent_creation: bool = False


async def open_(call: Call[OpenArguments]) -> Answer:
    """By people, or by the id of a direct conversation that is there already."""
    if call.arguments.channel:
        standing = await require_scoped(call, call.arguments.channel, WRITE)
        opening = await call.tenant.commit(ReopenDirect(standing.channel.channel_id, call.bearer.user_id))
    elif call.arguments.users is None:
        raise UsersNotSupplied
    else:
        others = ids_of(call.arguments.users)
        call.require_scope(ChannelKind.IM if len(set(others) - {call.bearer.user_id}) < 2 else ChannelKind.MPIM, WRITE)
        opening = await call.tenant.commit(OpenDirect(call.bearer.user_id, others, make=not call.arguments.prevent_creation))
    answer: Answer = {"channel": _shown(call, opening.channel)}
    return answer | {"no_op": True, "already_open": True} if opening.already else answer


async def close(call: Call[ChannelArguments]) -> Answer:
    standing = await require_scoped(call, call.arguments.channel, WRITE)
    was_open = await call.tenant.commit(CloseDirect(standing.channel.channel_id, call.bearer.user_id))
    return {} if was_open else {"no_op": True, "already_closed": True}


def _shown(call: Call[OpenArguments], channel: Channel) -> Answer:
    """Of a conversation of two no more than its id, unless all of it is asked for."""
    if channel.kind is ChannelKind.IM and not call.arguments.return_im:
        return {"id": channel.channel_id}
    return face_of(call, channel, is_member=True) | reading_fields(0)


_OPENS = (
    ChannelNotFound,
    WrongChannelType,
    UsersNotSupplied,
    NotEnoughUsers,
    TooManyUsers,
    UserNotFound,
    UserDisabled,
    UserNotVisible,
    MissingScope,
)

METHODS = (
    Method("conversations.open", open_, Tier.THREE, OpenArguments, any_of(WRITE), _OPENS),
    Method("conversations.close", close, Tier.TWO, ChannelArguments, any_of(WRITE), (ChannelNotFound, WrongChannelType, MissingScope)),
)
