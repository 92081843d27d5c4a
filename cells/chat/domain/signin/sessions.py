"""Opening a session: the last step of every way in, decided under the fence."""

from dataclasses import dataclass, replace

from cells.chat.domain.audits.service import note
from cells.chat.domain.signin.attempting import Visitor, forgive
from cells.chat.domain.signin.errors import InvalidCode, InvalidCredentials, InvalidTotp, TotpRequired
from cells.chat.domain.signin.repository import Credentials, LinkKind, SignIns
from cells.chat.domain.signin.totp import hash_of_code, looks_like_recovery, seed_of, step_of
from cells.chat.domain.tokens.scopes import SCOPES
from cells.chat.domain.tokens.service import hash_of, insert_token
from cells.chat.domain.tokens.token import NewToken, Token, TokenKind
from cells.chat.domain.users.repository import Users
from cells.chat.domain.users.user import User
from cells.runtime.log import Transaction

SESSION_US = 30 * 86_400 * 1_000_000


@dataclass(frozen=True, slots=True)
class Opened:
    user: User
    token: str
    """Shown this once."""
    kept: Token


@dataclass(frozen=True, slots=True)
class Factor:
    """What came as second factor, and the workspace's secret that tells whether it is right."""

    code: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class SignInByPassword:
    """A change, once the password was found right. `password_hash`: the one that was; changed meanwhile, it is right no more."""

    user_id: str
    password_hash: str | None
    factor: Factor
    visitor: Visitor

    async def apply(self, tx: Transaction) -> Opened:
        user = await Users(tx.connection, tx.scope).get(self.user_id)
        found = await SignIns(tx.connection, tx.scope).credentials(self.user_id)
        if user is None or user.deleted or found.password_hash != self.password_hash:
            raise InvalidCredentials
        await require_factor(tx, found, self.factor)
        return await open_session(tx, user, self.visitor, "password")


@dataclass(frozen=True, slots=True)
class SignInByLink:
    """A change: the link is used up with it, and with it every other one of the user."""

    code: str
    factor: Factor
    visitor: Visitor

    async def apply(self, tx: Transaction) -> Opened:
        user = await use_link(tx, self.code, LinkKind.SIGN_IN)
        await require_factor(tx, await SignIns(tx.connection, tx.scope).credentials(user.user_id), self.factor)
        return await open_session(tx, user, self.visitor, "link")


async def use_link(tx: Transaction, code: str, kind: LinkKind) -> User:
    """Raises InvalidCode."""
    signins, now_us = SignIns(tx.connection, tx.scope), tx.next_ts_us()
    link = await signins.link(hash_of(code))
    if link is None or link.kind is not kind or link.used_us is not None or link.expires_us <= now_us:
        raise InvalidCode
    user = await Users(tx.connection, tx.scope).get(link.user_id)
    if user is None or user.deleted:
        raise InvalidCode
    await signins.change_links_used(user.user_id, kind, now_us)
    return user


async def require_factor(tx: Transaction, found: Credentials, factor: Factor) -> None:
    """Raises TotpRequired, InvalidTotp. A code that was used is wrong from then on."""
    if not found.totp_confirmed or found.totp_nonce is None:
        return
    if not factor.code:
        raise TotpRequired
    signins, now_us = SignIns(tx.connection, tx.scope), tx.next_ts_us()
    if looks_like_recovery(factor.code):
        if not await signins.use_recovery_code(found.user_id, hash_of_code(factor.code), now_us):
            raise InvalidTotp
        await note(tx, found.user_id, "totp.recovery_code_used", found.user_id)
        return
    step = step_of(seed_of(factor.secret, found.user_id, found.totp_nonce), factor.code, now_us, found.totp_step)
    if step is None:
        raise InvalidTotp
    await signins.put(replace(found, totp_step=step))


async def open_session(tx: Transaction, user: User, visitor: Visitor, way: str) -> Opened:
    ends_us = tx.next_ts_us() + SESSION_US
    wanted = NewToken(user, SCOPES, ends_us, TokenKind.SESSION, way, visitor.agent, visitor.address)
    token, kept = await insert_token(tx, wanted)
    if user.email is not None:
        await forgive(tx, user.email, visitor)
    await note(tx, user.user_id, "signin", user.user_id, address=visitor.address, detail=way)
    return Opened(user, token, kept)
