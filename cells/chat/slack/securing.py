"""signin.*, of people who are in: their password, second factor and sessions. The scope `account:write` is in nobody's token but a
person's own; tokens of apps never have it unless somebody gives it to them by name.
"""

from typing import Any

import msgspec

from cells.chat.domain.signin.attempting import CountAttempt
from cells.chat.domain.signin.errors import (
    InvalidCredentials,
    InvalidPassword,
    InvalidTotp,
    NotAPerson,
    SessionNotFound,
    TooManyAttempts,
    TotpAlreadyOn,
    TotpNotOn,
)
from cells.chat.domain.signin.passwords import Passwords
from cells.chat.domain.signin.repository import SignIns
from cells.chat.domain.signin.securing import ConfirmTotp, EnrolTotp, RemoveTotp, SetPassword
from cells.chat.domain.signin.sessions import Factor
from cells.chat.domain.signin.totp import uri_of
from cells.chat.domain.tokens.errors import TokenNotFound
from cells.chat.domain.tokens.repository import Tokens
from cells.chat.domain.tokens.service import RevokeTokenById
from cells.chat.domain.tokens.token import Token, TokenKind
from cells.chat.domain.users.repository import Users
from cells.chat.slack.bearers import Bearers
from cells.chat.slack.call import Answer, Call
from cells.chat.slack.registry import Method, NoArguments, Tier
from cells.chat.slack.signin import visitor_of

SESSIONS_MAX = 200
WRITE = ("account:write",)


class PasswordArguments(msgspec.Struct):
    password: str
    current: str = ""


class CodeArguments(msgspec.Struct):
    code: str


class SessionArguments(msgspec.Struct):
    session_id: str


class Securing:
    def __init__(self, passwords: Passwords, bearers: Bearers) -> None:
        self._passwords, self._bearers = passwords, bearers

    async def set_password(self, call: Call[PasswordArguments]) -> Answer:
        """`current` where there is a password already; wrong ones are counted."""
        _require_person(call)
        async with call.tenant.reading() as connection:
            found = await SignIns(connection, call.tenant.scope).credentials(call.bearer.user_id)
        if found.password_hash is not None:
            await _count(call)
            if not await self._passwords.verify(found.password_hash, call.arguments.current):
                raise InvalidCredentials
        hashed = await self._passwords.hash(call.arguments.password)
        await call.tenant.commit(SetPassword(call.bearer.user_id, found.password_hash, hashed))
        return {}

    async def revoke_session(self, call: Call[SessionArguments]) -> Answer:
        change = RevokeTokenById(call.arguments.session_id, call.bearer.user_id, call.bearer.user_id, TokenKind.SESSION)
        try:
            await call.tenant.commit(change)
        except TokenNotFound as error:
            raise SessionNotFound from error
        self._bearers.forget(call.tenant)
        return {}

    def methods(self) -> tuple[Method, ...]:
        passwords = (NotAPerson, InvalidPassword, InvalidCredentials, TooManyAttempts)
        codes = (NotAPerson, TotpNotOn, InvalidTotp, TooManyAttempts)
        return (
            Method("signin.setPassword", self.set_password, Tier.TWO, PasswordArguments, WRITE, passwords),
            Method("signin.totp.enrol", enrol, Tier.TWO, NoArguments, WRITE, (NotAPerson, TotpAlreadyOn)),
            Method("signin.totp.confirm", confirm, Tier.TWO, CodeArguments, WRITE, (*codes, TotpAlreadyOn)),
            Method("signin.totp.remove", remove, Tier.TWO, CodeArguments, WRITE, codes),
            Method("signin.sessions.list", sessions, Tier.THREE, NoArguments, WRITE),
            Method("signin.sessions.revoke", self.revoke_session, Tier.THREE, SessionArguments, WRITE, (SessionNotFound,)),
        )


async def enrol(call: Call[NoArguments]) -> Answer:
    _require_person(call)
    seed = await call.tenant.commit(EnrolTotp(call.bearer.user_id, call.tenant.secret))
    return {"secret": seed, "uri": uri_of(seed, call.bearer.user_name, call.bearer.team_name)}


async def confirm(call: Call[CodeArguments]) -> Answer:
    _require_person(call)
    await _count(call)
    return {"recovery_codes": await call.tenant.commit(ConfirmTotp(call.bearer.user_id, _factor(call)))}


async def remove(call: Call[CodeArguments]) -> Answer:
    """By a code of the authenticator, or one from paper."""
    _require_person(call)
    await _count(call)
    await call.tenant.commit(RemoveTotp(call.bearer.user_id, _factor(call), call.bearer.user_id))
    return {}


async def sessions(call: Call[NoArguments]) -> Answer:
    """One's own that live, the newest first."""
    async with call.tenant.reading() as connection:
        found = await Tokens(connection, call.tenant.scope).of_user(call.bearer.user_id, SESSIONS_MAX)
    now_us = call.clock.now_us()
    living = [token for token in found if token.kind is TokenKind.SESSION and token.lives(now_us)]
    return {"sessions": [session_face(token) | {"current": token.token_id == call.bearer.token_id} for token in living]}


def session_face(token: Token) -> Answer:
    return {
        "id": token.token_id,
        "user_id": token.user_id,
        "created": token.created_us // 1_000_000,
        "expires": (token.expires_us or 0) // 1_000_000,
        "way": token.note,
        "agent": token.agent,
        "address": token.address,
    }


async def _count(call: Call[Any]) -> None:
    """Tries of somebody who has the token and guesses the rest. Never more than an account's own: `after_failure` forgets in a day."""
    async with call.tenant.reading() as connection:
        user = await Users(connection, call.tenant.scope).get(call.bearer.user_id)
    await call.tenant.commit(CountAttempt(f"secured {user.user_id if user else ''}", visitor_of(call)))


def _factor(call: Call[CodeArguments]) -> Factor:
    return Factor(call.arguments.code or "-", call.tenant.secret)


def _require_person(call: Call[Any]) -> None:
    if call.bearer.bot_id is not None:
        raise NotAPerson
