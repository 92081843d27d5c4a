"""Coming in, going out, being sent out. Each is a change: applied under the fence, announced in the same transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from cells.chat.domain.channels.channel import Channel, ChannelKind, Standing
from cells.chat.domain.channels.errors import (
    CantLeaveGeneral,
    ChannelArchived,
    ChannelNotFound,
    LastMember,
    NotInChannel,
    WrongChannelType,
)
from cells.chat.domain.channels.events import channel_joined, channel_left
from cells.chat.domain.channels.repository import Channels
from cells.chat.domain.members.errors import CantKickFromGeneral, CantKickSelf
from cells.chat.domain.members.events import member_joined, member_left
from cells.chat.domain.members.repository import Members
from cells.chat.domain.roles.actions import Action, require_may
from cells.chat.domain.roles.role import Role
from cells.chat.domain.users.errors import UserNotFound
from cells.chat.domain.users.repository import Users
from cells.runtime.log import Transaction
from chassis.identity import UserId


@dataclass(frozen=True, slots=True)
class Joining:
    channel: Channel
    already: bool


@dataclass(frozen=True, slots=True)
class JoinChannel:
    channel_id: str
    user_id: UserId

    async def apply(self, tx: Transaction) -> Joining:
        standing = await require_visible(tx, self.channel_id, self.user_id)
        if standing.channel.kind is not ChannelKind.PUBLIC:
            raise WrongChannelType
        if standing.is_member:
            return Joining(standing.channel, already=True)
        if standing.channel.archived:
            raise ChannelArchived
        await add_members(tx, standing.channel, [self.user_id], inviter_id=None)
        return Joining(standing.channel, already=False)


@dataclass(frozen=True, slots=True)
class LeaveChannel:
    channel_id: str
    user_id: UserId

    async def apply(self, tx: Transaction) -> bool:
        """Whether the user was in it."""
        standing = await require_visible(tx, self.channel_id, self.user_id)
        channel = standing.channel
        if channel.is_direct:
            raise WrongChannelType
        if channel.is_general:
            raise CantLeaveGeneral
        if channel.archived:
            raise ChannelArchived
        if not standing.is_member:
            return False
        if channel.kind is ChannelKind.PRIVATE and await Members(tx.connection, tx.scope).count(self.channel_id) == 1:
            raise LastMember
        await remove_member(tx, channel, self.user_id)
        return True


@dataclass(frozen=True, slots=True)
class KickFromChannel:
    channel_id: str
    user_id: UserId
    role: Role
    kicked_id: str

    async def apply(self, tx: Transaction) -> None:
        standing = await require_visible(tx, self.channel_id, self.user_id)
        channel = standing.channel
        if channel.is_direct:
            raise WrongChannelType
        if not standing.is_member:
            raise NotInChannel
        require_may(self.role, Action.KICK_FROM_PUBLIC if channel.kind is ChannelKind.PUBLIC else Action.KICK_FROM_PRIVATE)
        if self.kicked_id == self.user_id:
            raise CantKickSelf
        if channel.is_general:
            raise CantKickFromGeneral
        if await Users(tx.connection, tx.scope).get(self.kicked_id) is None:
            raise UserNotFound
        if not await Members(tx.connection, tx.scope).among(self.channel_id, [self.kicked_id]):
            raise NotInChannel
        await remove_member(tx, channel, self.kicked_id)


async def require_visible(tx: Transaction, channel_id: str, user_id: str) -> Standing:
    standing = await Channels(tx.connection, tx.scope).get(channel_id, user_id)
    if standing is None or not standing.visible:
        raise ChannelNotFound
    return standing


async def add_members(tx: Transaction, channel: Channel, user_ids: Sequence[str], inviter_id: str | None) -> None:
    """Store the members and announce each: to the user first, whose sessions then hear the channel, then to the channel."""
    now_us = tx.next_ts_us()
    await Members(tx.connection, tx.scope).insert(channel.channel_id, user_ids, now_us)
    for user_id in user_ids:
        tx.append(channel_joined(channel, tx.scope.workspace_id, user_id, now_us))
        if not channel.is_direct:
            tx.append(member_joined(channel, tx.scope.workspace_id, user_id, inviter_id, now_us))


async def remove_member(tx: Transaction, channel: Channel, user_id: str) -> None:
    """Take the member out and say so: to the channel first, then to the user, whose sessions hear it no longer."""
    await Members(tx.connection, tx.scope).remove(channel.channel_id, user_id)
    now_us = tx.next_ts_us()
    tx.append(member_left(channel, tx.scope.workspace_id, user_id, now_us))
    tx.append(channel_left(channel, user_id, now_us))
