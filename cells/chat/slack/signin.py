"""signin.*: how people come in without a token: password, link by mail, second factor, invitation (docs/sign-in.md).

What a stranger may learn is the same whether an address is known here or not: the words, and how long they take.
"""

from typing import Any

import msgspec

from cells.chat.domain.errors import DomainError
from cells.chat.domain.invitations.service import Accept
from cells.chat.domain.signin.attempting import CountAttempt, NoteFailure, Visitor, account_subject
from cells.chat.domain.signin.errors import InvalidCode, InvalidCredentials, InvalidPassword, InvalidTotp, TooManyAttempts, TotpRequired
from cells.chat.domain.signin.linking import MakeLink
from cells.chat.domain.signin.passwords import Passwords, require_strong
from cells.chat.domain.signin.repository import Credentials, LinkKind, SignIns
from cells.chat.domain.signin.securing import ResetPassword
from cells.chat.domain.signin.sessions import SESSION_US, Factor, Opened, SignInByLink, SignInByPassword
from cells.chat.domain.tokens.service import hash_of
from cells.chat.domain.users.errors import AlreadyInTeam, InvalidEmail
from cells.chat.domain.users.repository import Users
from cells.chat.domain.users.service import checked_email
from cells.chat.domain.users.user import User
from cells.chat.slack.afterwards import Afterwards
from cells.chat.slack.bearers import Bearers
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.cookies import cookie_header
from cells.chat.slack.letters import page_of, reset_letter, sign_in_letter
from cells.chat.slack.registry import Method, Tier
from cells.chat.slack.team import require_team
from cells.runtime.workload import Tenant
from chassis.flags import Flag
from chassis.mail import Mailer

CODE_LENGTH_MAX = 200
LETTERS = {LinkKind.SIGN_IN: sign_in_letter, LinkKind.RESET: reset_letter}


class PasswordArguments(msgspec.Struct):
    email: str
    password: str
    totp: str = ""


class EmailArguments(msgspec.Struct):
    email: str


class RedeemArguments(msgspec.Struct):
    code: str
    totp: str = ""


class ResetArguments(msgspec.Struct):
    code: str
    password: str


class AcceptArguments(msgspec.Struct):
    code: str
    real_name: str = ""
    password: str = ""


class Door:
    """`public_url`: where clients reach the platform; links in mail begin with it."""

    def __init__(self, passwords: Passwords, mailer: Mailer, public_url: str, bearers: Bearers, afterwards: Afterwards) -> None:
        self._passwords, self._mailer, self._public_url = passwords, mailer, public_url
        self._bearers, self._afterwards = bearers, afterwards

    async def password(self, call: Call[PasswordArguments]) -> Answer:
        given, visitor = call.arguments, visitor_of(call)
        await call.tenant.commit(CountAttempt(given.email, visitor))
        user, found = await _known(call.tenant, given.email)
        target = user.user_id if user else account_subject(given.email)
        right = await self._passwords.verify(found.password_hash if found else None, given.password)
        if not right or user is None or found is None:
            await call.tenant.commit(NoteFailure(target, InvalidCredentials.code, visitor))
            raise InvalidCredentials
        factor = Factor(given.totp, call.tenant.secret)
        return await self._open(call, SignInByPassword(user.user_id, found.password_hash, factor, visitor), target)

    async def magic_link(self, call: Call[EmailArguments]) -> Answer:
        """The answer is the same whether a mail goes out or not, and does not wait for it."""
        self._afterwards.do(self._send_link(call.tenant, call.arguments.email, LinkKind.SIGN_IN))
        return {}

    async def request_reset(self, call: Call[EmailArguments]) -> Answer:
        self._afterwards.do(self._send_link(call.tenant, call.arguments.email, LinkKind.RESET))
        return {}

    async def redeem(self, call: Call[RedeemArguments]) -> Answer:
        """A link whose second factor is missing or wrong stays good; tries are counted."""
        code, visitor = call.arguments.code[:CODE_LENGTH_MAX], visitor_of(call)
        email, target = await _whose_link(call.tenant, code)
        await call.tenant.commit(CountAttempt(email, visitor))
        return await self._open(call, SignInByLink(code, Factor(call.arguments.totp, call.tenant.secret), visitor), target)

    async def reset_password(self, call: Call[ResetArguments]) -> Answer:
        """Ends every session of the person. The second factor is asked for at the next sign-in, as always."""
        code, visitor = call.arguments.code[:CODE_LENGTH_MAX], visitor_of(call)
        require_strong(call.arguments.password)
        email, _ = await _whose_link(call.tenant, code)
        await call.tenant.commit(CountAttempt(email, visitor))
        await call.tenant.commit(ResetPassword(code, await self._passwords.hash(call.arguments.password), visitor))
        self._bearers.forget(call.tenant)
        return {}

    async def accept_invitation(self, call: Call[AcceptArguments]) -> Answer:
        """Without a password the person signs in by mail from then on."""
        code, visitor, password = call.arguments.code[:CODE_LENGTH_MAX], visitor_of(call), call.arguments.password
        if password:
            require_strong(password)
        await call.tenant.commit(CountAttempt(f"invitation {code}", visitor))
        hashed = await self._passwords.hash(password) if password else None
        return await self._open(call, Accept(code, call.arguments.real_name, hashed, visitor), "invitation")

    async def _open(self, call: Call[Any], change: Any, target: str) -> Answer:
        try:
            opened: Opened = await call.tenant.commit(change)
        except (InvalidTotp, InvalidCode) as error:
            await call.tenant.commit(NoteFailure(target, error.code, visitor_of(call)))
            raise
        team = await require_team(call.tenant)
        call.more_headers.append(cookie_header(call.origin, team.domain, opened.token, SESSION_US // 1_000_000))
        return {
            "token": opened.token,
            "user_id": opened.user.user_id,
            "team_id": call.team_id,
            "session_id": opened.kept.token_id,
            "expires": (opened.kept.expires_us or 0) // 1_000_000,
            "url": call.origin.page_url(team.domain),
        }

    async def _send_link(self, tenant: Tenant, email: str, kind: LinkKind) -> None:
        try:
            code = await tenant.commit(MakeLink(checked_email(email), kind))
        except InvalidEmail:
            return
        if code is not None:
            team = await require_team(tenant)
            self._mailer.send(LETTERS[kind](email, team.name, page_of(self._public_url, team.domain), code))

    def methods(self) -> tuple[Method, ...]:
        return (
            _open_to_all("password", self.password, PasswordArguments, (InvalidCredentials, TotpRequired, InvalidTotp, TooManyAttempts)),
            _open_to_all("magicLink", self.magic_link, EmailArguments, ()),
            _open_to_all("redeem", self.redeem, RedeemArguments, (InvalidCode, TotpRequired, InvalidTotp, TooManyAttempts)),
            _open_to_all("requestPasswordReset", self.request_reset, EmailArguments, ()),
            _open_to_all("resetPassword", self.reset_password, ResetArguments, (InvalidCode, InvalidPassword, TooManyAttempts)),
            _open_to_all(
                "acceptInvitation",
                self.accept_invitation,
                AcceptArguments,
                (InvalidCode, InvalidPassword, AlreadyInTeam, TooManyAttempts),
                flag=Flag.SIGN_UP,
            ),
        )


def visitor_of(call: Call[Any]) -> Visitor:
    return Visitor(call.address, call.agent)


async def _known(tenant: Tenant, email: str) -> tuple[User | None, Credentials | None]:
    """Somebody who may sign in, and what is kept of how. Both are asked for in any case: it takes as long for a stranger."""
    async with tenant.reading() as connection:
        user = await Users(connection, tenant.scope).get_by_email(email)
        found = await SignIns(connection, tenant.scope).credentials(user.user_id if user else "")
    known = user is not None and not user.deleted and user.bot_id is None
    return (user, found) if known else (None, None)


async def _whose_link(tenant: Tenant, code: str) -> tuple[str, str]:
    """The address and the user whose tries are counted; of a link that is none, its own."""
    async with tenant.reading() as connection:
        link = await SignIns(connection, tenant.scope).link(hash_of(code))
        user = await Users(connection, tenant.scope).get(link.user_id) if link else None
    return (user.email or user.user_id, user.user_id) if user else (f"link {code}", "link")


def _open_to_all(
    name: str, handler: Any, arguments: type[msgspec.Struct], errors: tuple[type[DomainError], ...], flag: Flag | None = None
) -> Method:
    return Method(f"signin.{name}", handler, Tier.TWO, arguments, (), errors, needs_token=False, flag=flag)
