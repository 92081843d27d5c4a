"""admin.tokens.*, admin.users.session.* and admin.users.invite: what administrators give out and take back.

Slack makes tokens on its web pages; `admin.tokens.*` stands for them here.
"""

from typing import Any

import msgspec

from cells.chat.domain.accounts.service import Actor
from cells.chat.domain.audits.service import note
from cells.chat.domain.channels.errors import ChannelNotFound
from cells.chat.domain.invitations.errors import GuestNeedsChannel, InvalidDuration, InvitationNotFound, TooManyInvitations
from cells.chat.domain.invitations.invitation import Invitation
from cells.chat.domain.invitations.repository import Invitations
from cells.chat.domain.invitations.service import Invite, Revoke
from cells.chat.domain.roles.errors import NotAnAdmin
from cells.chat.domain.roles.role import Role
from cells.chat.domain.signin.errors import SessionNotFound
from cells.chat.domain.tokens.errors import InvalidExpiry, InvalidScope, TokenNotFound
from cells.chat.domain.tokens.granting import GrantToken, checked_expiry
from cells.chat.domain.tokens.repository import Tokens
from cells.chat.domain.tokens.scopes import checked_scopes
from cells.chat.domain.tokens.service import RevokeTokenById, revoke_all
from cells.chat.domain.tokens.token import Token, TokenKind
from cells.chat.domain.users.errors import AlreadyInTeam, CannotChangeOwner, InvalidEmail, UserDisabled, UserNotFound
from cells.chat.domain.users.service import require_user
from cells.chat.slack.accounts import READ, WRITE, UserArguments, actor_of
from cells.chat.slack.bearers import Bearers
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.conversations import ids_of
from cells.chat.slack.letters import invitation_letter, page_of
from cells.chat.slack.registry import Method, NoArguments, Tier
from cells.chat.slack.securing import session_face
from cells.runtime.log import Transaction
from chassis.flags import Flag
from chassis.identity import UserId
from chassis.mail import Mailer

LIST_MAX = 1_000
DAYS_MAX = 90
"""Of an invitation."""


class InviteArguments(msgspec.Struct):
    email: str
    channel_ids: str = ""
    real_name: str = ""
    is_admin: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    guest_expiration_days: int | None = None


class InvitationArguments(msgspec.Struct):
    invitation_id: str


class TokenArguments(msgspec.Struct):
    token_id: str


class GrantArguments(msgspec.Struct):
    scopes: str
    user_id: str = ""
    expires_in: int | None = None
    note: str = ""


class SessionArguments(msgspec.Struct):
    session_id: str


class TokensArguments(msgspec.Struct):
    user_id: str = ""


class Granting:
    def __init__(self, mailer: Mailer, public_url: str, bearers: Bearers) -> None:
        self._mailer, self._public_url, self._bearers = mailer, public_url, bearers

    async def invite(self, call: Call[InviteArguments]) -> Answer:
        given, actor = call.arguments, actor_of(call)
        channels = tuple(ids_of(given.channel_ids))
        days = 7 if given.guest_expiration_days is None else given.guest_expiration_days
        made, code = await call.tenant.commit(Invite(given.email, _role_of(given), actor, given.real_name, channels, checked_days_us(days)))
        page = page_of(self._public_url, call.bearer.team_domain)
        self._mailer.send(invitation_letter(made.email, call.bearer.team_name, page, code, call.bearer.user_name))
        return {"invitation": invitation_face(made)}

    async def grant(self, call: Call[GrantArguments]) -> Answer:
        """Of the user, else of who asks; the token is shown this once."""
        given, actor = call.arguments, actor_of(call)
        scopes = checked_scopes(list(ids_of(given.scopes)))
        expires_us = checked_expiry(given.expires_in, call.clock.now_us())
        change = GrantToken(given.user_id or call.bearer.user_id, scopes, expires_us, given.note, actor)
        token, kept = await call.tenant.commit(change)
        return {"token": token, **token_face(kept)}

    async def revoke(self, call: Call[TokenArguments]) -> Answer:
        await call.tenant.commit(RevokeTokenById(call.arguments.token_id, actor_of(call).user_id))
        self._bearers.forget(call.tenant)
        return {}

    async def invalidate(self, call: Call[SessionArguments]) -> Answer:
        change = RevokeTokenById(call.arguments.session_id, actor_of(call).user_id, kind=TokenKind.SESSION)
        try:
            await call.tenant.commit(change)
        except TokenNotFound as error:
            raise SessionNotFound from error
        self._bearers.forget(call.tenant)
        return {}

    async def reset(self, call: Call[UserArguments]) -> Answer:
        await call.tenant.commit(EndSessions(UserId(call.arguments.user_id), actor_of(call)))
        self._bearers.forget(call.tenant)
        return {}

    def methods(self) -> tuple[Method, ...]:
        inviting = (
            NotAnAdmin,
            InvalidEmail,
            AlreadyInTeam,
            GuestNeedsChannel,
            ChannelNotFound,
            InvalidDuration,
            TooManyInvitations,
        )
        granting = (NotAnAdmin, InvalidScope, InvalidExpiry, UserNotFound, UserDisabled, CannotChangeOwner)
        return (
            Method("admin.users.invite", self.invite, Tier.TWO, InviteArguments, WRITE, inviting, flag=Flag.SIGN_UP),
            Method("admin.users.invitations.list", invitations, Tier.TWO, NoArguments, READ, (NotAnAdmin,)),
            Method(
                "admin.users.invitations.revoke", revoke_invitation, Tier.TWO, InvitationArguments, WRITE, (NotAnAdmin, InvitationNotFound)
            ),
            Method("admin.users.session.list", sessions, Tier.THREE, TokensArguments, READ, (NotAnAdmin,)),
            Method("admin.users.session.invalidate", self.invalidate, Tier.TWO, SessionArguments, WRITE, (NotAnAdmin, SessionNotFound)),
            Method("admin.users.session.reset", self.reset, Tier.TWO, UserArguments, WRITE, (NotAnAdmin, UserNotFound)),
            Method("admin.tokens.create", self.grant, Tier.TWO, GrantArguments, WRITE, granting),
            Method("admin.tokens.list", tokens, Tier.THREE, TokensArguments, READ, (NotAnAdmin,)),
            Method("admin.tokens.revoke", self.revoke, Tier.TWO, TokenArguments, WRITE, (NotAnAdmin, TokenNotFound)),
        )


async def invitations(call: Call[NoArguments]) -> Answer:
    actor_of(call)
    async with call.tenant.reading() as connection:
        found = await Invitations(connection, call.tenant.scope).open(call.clock.now_us(), LIST_MAX)
    return {"invitations": [invitation_face(invitation) for invitation in found]}


async def revoke_invitation(call: Call[InvitationArguments]) -> Answer:
    await call.tenant.commit(Revoke(call.arguments.invitation_id, actor_of(call)))
    return {}


async def sessions(call: Call[TokensArguments]) -> Answer:
    found = await _tokens(call)
    return {"active_sessions": [session_face(token) for token in found if token.kind is TokenKind.SESSION]}


async def tokens(call: Call[TokensArguments]) -> Answer:
    return {"tokens": [token_face(token) for token in await _tokens(call)]}


async def _tokens(call: Call[TokensArguments]) -> list[Token]:
    """Those that live, of one user or of all; at most 1,000, the newest first."""
    actor_of(call)
    async with call.tenant.reading() as connection:
        kept, user_id = Tokens(connection, call.tenant.scope), call.arguments.user_id
        found = await (kept.of_user(user_id, LIST_MAX) if user_id else kept.every(LIST_MAX))
    return [token for token in found if token.lives(call.clock.now_us())]


class EndSessions:
    def __init__(self, user_id: UserId, actor: Actor) -> None:
        self._user_id, self._actor = user_id, actor

    async def apply(self, tx: Transaction) -> int:
        await require_user(tx.connection, tx.scope, self._user_id)
        ended = await revoke_all(tx, self._user_id, (TokenKind.SESSION,))
        await note(tx, self._actor.user_id, "sessions.ended", self._user_id, detail=str(ended))
        return ended


def token_face(token: Token) -> Answer:
    return {
        "token_id": token.token_id,
        "user_id": token.user_id,
        "kind": str(token.kind),
        "scopes": list(token.scopes),
        "created": token.created_us // 1_000_000,
        "expires": (token.expires_us or 0) // 1_000_000,
        "note": token.note,
    }


def invitation_face(invitation: Invitation) -> Answer:
    return {
        "id": invitation.invitation_id,
        "email": invitation.email,
        "real_name": invitation.real_name,
        "role": str(invitation.role),
        "channel_ids": list(invitation.channel_ids),
        "inviter": invitation.inviter_id,
        "created": invitation.created_us // 1_000_000,
        "expires": invitation.expires_us // 1_000_000,
    }


def checked_days_us(days: int) -> int:
    if not 1 <= days <= DAYS_MAX:
        raise InvalidDuration(f"an invitation is good for 1 to {DAYS_MAX} days")
    return days * 86_400 * 1_000_000


def _role_of(given: Any) -> Role:
    if given.is_ultra_restricted:
        return Role.SINGLE_GUEST
    if given.is_restricted:
        return Role.GUEST
    return Role.ADMIN if given.is_admin else Role.MEMBER
