import secrets
from dataclasses import dataclass

from cells.chat.domain.accounts.service import Actor
from cells.chat.domain.audits.service import note
from cells.chat.domain.channels.errors import ChannelNotFound
from cells.chat.domain.channels.repository import Channels
from cells.chat.domain.invitations.errors import GuestNeedsChannel, InvitationNotFound, TooManyInvitations
from cells.chat.domain.invitations.invitation import Invitation
from cells.chat.domain.invitations.repository import Invitations
from cells.chat.domain.members.service import add_members
from cells.chat.domain.roles.role import Role
from cells.chat.domain.signin.attempting import Visitor
from cells.chat.domain.signin.errors import InvalidCode
from cells.chat.domain.signin.securing import store_password
from cells.chat.domain.signin.sessions import Opened, open_session
from cells.chat.domain.teams.founding import GENERAL, RANDOM
from cells.chat.domain.tokens.service import hash_of
from cells.chat.domain.users.errors import AlreadyInTeam, CannotChangeOwner
from cells.chat.domain.users.repository import Users
from cells.chat.domain.users.service import Newcomer, add_user, checked_email
from cells.runtime.log import Transaction
from chassis.identity import make_id

OPEN_MAX = 10_000
CHANNELS_MAX = 100


@dataclass(frozen=True, slots=True)
class Invite:
    """A change; returns the invitation and the code that accepts it, of which a hash is kept."""

    email: str
    role: Role
    actor: Actor
    real_name: str = ""
    channel_ids: tuple[str, ...] = ()
    lifetime_us: int = 7 * 86_400 * 1_000_000

    async def apply(self, tx: Transaction) -> tuple[Invitation, str]:
        email = checked_email(self.email)
        if self.role.is_owner and not self.actor.role.is_owner:
            raise CannotChangeOwner
        if await Users(tx.connection, tx.scope).get_by_email(email):
            raise AlreadyInTeam
        await self._check_channels(tx)
        invitations, now_us = Invitations(tx.connection, tx.scope), tx.next_ts_us()
        if await invitations.count_open(now_us) >= OPEN_MAX:
            raise TooManyInvitations
        ends_us, code = now_us + self.lifetime_us, secrets.token_urlsafe(32)
        made = Invitation(make_id("I"), email, self.real_name, self.role, self.channel_ids, self.actor.user_id, now_us, ends_us)
        await invitations.insert(made, hash_of(code))
        await note(tx, self.actor.user_id, "user.invited", made.invitation_id, detail=f"{email} as {self.role}")
        return made, code

    async def _check_channels(self, tx: Transaction) -> None:
        count = len(set(self.channel_ids))
        if count > CHANNELS_MAX or (self.role is Role.SINGLE_GUEST and count != 1) or (self.role is Role.GUEST and not count):
            raise GuestNeedsChannel
        for channel_id in self.channel_ids:
            standing = await Channels(tx.connection, tx.scope).get(channel_id, self.actor.user_id)
            if standing is None or not standing.visible or standing.channel.archived or standing.channel.is_direct:
                raise ChannelNotFound


@dataclass(frozen=True, slots=True)
class Revoke:
    invitation_id: str
    actor: Actor

    async def apply(self, tx: Transaction) -> None:
        invitations, now_us = Invitations(tx.connection, tx.scope), tx.next_ts_us()
        found = await invitations.get(self.invitation_id)
        if found is None or not found.open_at(now_us):
            raise InvitationNotFound
        await invitations.change_revoked(found.invitation_id, now_us)
        await note(tx, self.actor.user_id, "invitation.revoked", found.invitation_id)


@dataclass(frozen=True, slots=True)
class Accept:
    """A change: the person comes in, with the role and into the channels of the invitation, and is signed in."""

    code: str
    real_name: str
    password_hash: str | None
    visitor: Visitor

    async def apply(self, tx: Transaction) -> Opened:
        invitations, now_us = Invitations(tx.connection, tx.scope), tx.next_ts_us()
        found = await invitations.by_code(hash_of(self.code))
        if found is None or not found.open_at(now_us):
            raise InvalidCode
        user = await add_user(tx, Newcomer(found.email, self.real_name or found.real_name, found.role))
        await invitations.change_accepted(found.invitation_id, user.user_id)
        await self._join(tx, found, user.user_id)
        if self.password_hash is not None:
            await store_password(tx, user.user_id, self.password_hash)
        await note(tx, user.user_id, "user.joined", found.invitation_id, address=self.visitor.address)
        return await open_session(tx, user, self.visitor, "invitation")

    async def _join(self, tx: Transaction, found: Invitation, user_id: str) -> None:
        """Channels that were archived since, or are not open to the person of themselves, are passed over."""
        channels = Channels(tx.connection, tx.scope)
        start = [await channels.id_of_name(name) for name in (GENERAL, RANDOM)] if not found.role.is_guest else []
        for channel_id in dict.fromkeys((*filter(None, start), *found.channel_ids)):
            standing = await channels.get(channel_id, user_id)
            wanted = channel_id in found.channel_ids
            if standing is not None and not standing.channel.archived and not standing.is_member and (wanted or standing.visible):
                await add_members(tx, standing.channel, [user_id], inviter_id=found.inviter_id)
