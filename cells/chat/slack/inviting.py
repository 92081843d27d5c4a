"""conversations.invite and conversations.kick: who is in a channel by another's hand."""

import msgspec

from cells.chat.domain.channels.errors import ChannelArchived, ChannelNotFound, NotInChannel, WrongChannelType
from cells.chat.domain.members.errors import (
    AlreadyInChannel,
    CantInviteSelf,
    CantKickFromGeneral,
    CantKickSelf,
    GuestOfOneChannel,
    NoUserToInvite,
)
from cells.chat.domain.members.inviting import InviteToChannel, Inviting
from cells.chat.domain.members.service import KickFromChannel
from cells.chat.domain.roles.actions import Action, require_may
from cells.chat.domain.roles.errors import RestrictedAction, UserIsRestricted, UserIsUltraRestricted
from cells.chat.domain.tokens.errors import MissingScope
from cells.chat.domain.users.errors import UserNotFound
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.conversations import face_of, ids_of, require_scoped
from cells.chat.slack.errors import InvalidArguments
from cells.chat.slack.registry import Method, Tier
from cells.chat.slack.scopes import INVITE, WRITE, any_of

USERS_PER_INVITE_MAX = 1000


class InviteArguments(msgspec.Struct):
    channel: str
    users: str = ""
    force: bool = False


class KickArguments(msgspec.Struct):
    channel: str
    user: str = ""


async def invite(call: Call[InviteArguments]) -> Answer:
    """All of them or none; with `force` those who can come. `errors` says of each who cannot, why."""
    invited = ids_of(call.arguments.users)
    if len(invited) > USERS_PER_INVITE_MAX:
        raise InvalidArguments(f"at most {USERS_PER_INVITE_MAX} users [json-pointer:/users]")
    standing = await require_scoped(call, call.arguments.channel, INVITE)
    require_may(call.bearer.role, Action.INVITE)
    change = InviteToChannel(standing.channel.channel_id, call.bearer.user_id, invited, call.arguments.force)
    inviting = await call.tenant.commit(change)
    refused = inviting.refused
    if refused and (not call.arguments.force or len(refused) == len(invited)):
        return {"ok": False, "error": next(iter(refused.values())).code, **_errors(inviting)}
    return {"channel": face_of(call, inviting.channel, is_member=True), **(_errors(inviting) if refused else {})}


async def kick(call: Call[KickArguments]) -> Answer:
    standing = await require_scoped(call, call.arguments.channel, WRITE)
    change = KickFromChannel(standing.channel.channel_id, call.bearer.user_id, call.bearer.role, call.arguments.user)
    await call.tenant.commit(change)
    return {"errors": {}}


def _errors(inviting: Inviting) -> Answer:
    return {"errors": [{"user": user_id, "ok": False, "error": refusal.code} for user_id, refusal in inviting.refused.items()]}


_INVITES = (
    ChannelNotFound,
    WrongChannelType,
    NotInChannel,
    ChannelArchived,
    NoUserToInvite,
    CantInviteSelf,
    UserNotFound,
    AlreadyInChannel,
    GuestOfOneChannel,
    UserIsRestricted,
    UserIsUltraRestricted,
    MissingScope,
)
_KICKS = (
    ChannelNotFound,
    WrongChannelType,
    NotInChannel,
    RestrictedAction,
    CantKickSelf,
    CantKickFromGeneral,
    UserNotFound,
    MissingScope,
)

METHODS = (
    Method("conversations.invite", invite, Tier.THREE, InviteArguments, any_of(INVITE), _INVITES),
    Method("conversations.kick", kick, Tier.THREE, KickArguments, any_of(WRITE), _KICKS),
)
