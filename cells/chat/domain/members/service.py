"""Coming in, being asked in, going out. Each is a change: applied under the fence, announced in the same transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from cells.chat.domain.channels.channel import Channel, ChannelKind, Standing
from cells.chat.domain.channels.errors import CantLeaveGeneral, ChannelArchived, ChannelNotFound, NotInChannel, WrongChannelType
from cells.chat.domain.channels.events import channel_joined, channel_left
from cells.chat.domain.channels.repository import Channels
from cells.chat.domain.members.errors import AlreadyInChannel, CantInviteSelf, NoUserToInvite
from cells.chat.domain.members.events import member_joined, member_left
from cells.chat.domain.members.repository import Members
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
        await Members(tx.connection, tx.scope).remove(channel.channel_id, self.user_id)
        now_us = tx.next_ts_us()
        tx.append(member_left(channel, tx.scope.workspace_id, self.user_id, now_us))
        tx.append(channel_left(channel, self.user_id, now_us))
        return True


@dataclass(frozen=True, slots=True)
class InviteToChannel:
    channel_id: str
    user_id: UserId
    invited: tuple[str, ...]

    async def apply(self, tx: Transaction) -> Channel:
        channel = (await self._require_host(tx)).channel
        if not self.invited:
            raise NoUserToInvite
        if self.user_id in self.invited:
            raise CantInviteSelf
        people = await Users(tx.connection, tx.scope).get_many(self.invited)
        if any(invited not in people or people[invited].deleted for invited in self.invited):
            raise UserNotFound
        if await Members(tx.connection, tx.scope).among(channel.channel_id, self.invited):
            raise AlreadyInChannel
        await add_members(tx, channel, self.invited, inviter_id=self.user_id)
        return channel

    async def _require_host(self, tx: Transaction) -> Standing:
        standing = await require_visible(tx, self.channel_id, self.user_id)
        if standing.channel.is_direct:
            raise WrongChannelType
        if not standing.is_member:
            raise NotInChannel
        if standing.channel.archived:
            raise ChannelArchived
        return standing


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
