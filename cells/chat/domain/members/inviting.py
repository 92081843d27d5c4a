"""Asking people in. Either all of them come, or none: unless those who can are wanted without those who cannot."""

from collections.abc import Mapping
from dataclasses import dataclass

from cells.chat.domain.channels.channel import Channel
from cells.chat.domain.channels.errors import ChannelArchived, NotInChannel, WrongChannelType
from cells.chat.domain.errors import DomainError
from cells.chat.domain.members.errors import AlreadyInChannel, CantInviteSelf, GuestOfOneChannel, NoUserToInvite
from cells.chat.domain.members.repository import Members
from cells.chat.domain.members.service import add_members, require_visible
from cells.chat.domain.roles.role import Role
from cells.chat.domain.users.errors import UserNotFound
from cells.chat.domain.users.repository import Users
from cells.runtime.log import Transaction
from chassis.identity import UserId


@dataclass(frozen=True, slots=True)
class Inviting:
    channel: Channel
    refused: Mapping[str, DomainError]
    """Why not, by user. Nobody came in where there is any, unless they were to be left out."""


@dataclass(frozen=True, slots=True)
class InviteToChannel:
    channel_id: str
    user_id: UserId
    invited: tuple[str, ...]
    leave_out: bool = False
    """Who cannot come is left out, and the others come."""

    async def apply(self, tx: Transaction) -> Inviting:
        channel = await self._require_host(tx)
        if not self.invited:
            raise NoUserToInvite
        refused = await self._refused(tx, channel)
        welcome = [user_id for user_id in self.invited if user_id not in refused]
        if welcome and (self.leave_out or not refused):
            await add_members(tx, channel, welcome, inviter_id=self.user_id)
        return Inviting(channel, refused)

    async def _require_host(self, tx: Transaction) -> Channel:
        standing = await require_visible(tx, self.channel_id, self.user_id)
        if standing.channel.is_direct:
            raise WrongChannelType
        if not standing.is_member:
            raise NotInChannel
        if standing.channel.archived:
            raise ChannelArchived
        return standing.channel

    async def _refused(self, tx: Transaction, channel: Channel) -> Mapping[str, DomainError]:
        members = Members(tx.connection, tx.scope)
        people = {
            user_id: user for user_id, user in (await Users(tx.connection, tx.scope).get_many(self.invited)).items() if not user.deleted
        }
        inside = await members.among(channel.channel_id, self.invited)
        single = [user_id for user_id, user in people.items() if user.role is Role.SINGLE_GUEST]
        placed = await members.named_channels_of(single) if single else {}

        def why_not(user_id: str) -> DomainError | None:
            if user_id == self.user_id:
                return CantInviteSelf()
            if user_id not in people:
                return UserNotFound()
            if user_id in inside:
                return AlreadyInChannel()
            return GuestOfOneChannel() if user_id in placed else None

        return {user_id: refusal for user_id in self.invited if (refusal := why_not(user_id)) is not None}
