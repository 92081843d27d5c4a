"""What a person does about their own way in: password, second factor."""

import secrets
from dataclasses import dataclass, replace

from cells.chat.domain.accounts.service import change_account
from cells.chat.domain.audits.service import note
from cells.chat.domain.signin.attempting import Visitor, forgive
from cells.chat.domain.signin.errors import InvalidCredentials, InvalidTotp, TotpAlreadyOn, TotpNotOn
from cells.chat.domain.signin.repository import LinkKind, SignIns
from cells.chat.domain.signin.sessions import Factor, require_factor, use_link
from cells.chat.domain.signin.totp import NONCE_BYTES, hash_of_code, make_recovery_codes, seed_of, step_of
from cells.chat.domain.tokens.service import revoke_all
from cells.chat.domain.tokens.token import TokenKind
from cells.chat.domain.users.service import require_user
from cells.chat.domain.users.user import User
from cells.runtime.log import Transaction
from chassis.identity import UserId


@dataclass(frozen=True, slots=True)
class SetPassword:
    """A change. `before`: the hash that the old password was found right for; another one by now refuses."""

    user_id: UserId
    before: str | None
    password_hash: str

    async def apply(self, tx: Transaction) -> None:
        found = await SignIns(tx.connection, tx.scope).credentials(self.user_id)
        if found.password_hash != self.before:
            raise InvalidCredentials
        await store_password(tx, self.user_id, self.password_hash)


@dataclass(frozen=True, slots=True)
class ResetPassword:
    """A change by a link from a mail: every session of the user ends. The second factor stays on."""

    code: str
    password_hash: str
    visitor: Visitor

    async def apply(self, tx: Transaction) -> User:
        user = await use_link(tx, self.code, LinkKind.RESET)
        await store_password(tx, user.user_id, self.password_hash)
        await revoke_all(tx, user.user_id, (TokenKind.SESSION,))
        if user.email is not None:
            await forgive(tx, user.email, self.visitor)
        return user


async def store_password(tx: Transaction, user_id: UserId, password_hash: str) -> None:
    signins = SignIns(tx.connection, tx.scope)
    await signins.put(replace(await signins.credentials(user_id), password_hash=password_hash, changed_us=tx.next_ts_us()))
    await note(tx, user_id, "password.changed", user_id)


@dataclass(frozen=True, slots=True)
class EnrolTotp:
    """A change; returns the seed for the authenticator. It counts once a code of it was confirmed; asked again, it is another."""

    user_id: UserId
    secret: bytes

    async def apply(self, tx: Transaction) -> str:
        signins = SignIns(tx.connection, tx.scope)
        found = await signins.credentials(self.user_id)
        if found.totp_confirmed:
            raise TotpAlreadyOn
        nonce = secrets.token_bytes(NONCE_BYTES)
        await signins.put(replace(found, totp_nonce=nonce, totp_step=0, changed_us=tx.next_ts_us()))
        return seed_of(self.secret, self.user_id, nonce)


@dataclass(frozen=True, slots=True)
class ConfirmTotp:
    """A change; returns the recovery codes, shown this once."""

    user_id: UserId
    factor: Factor

    async def apply(self, tx: Transaction) -> list[str]:
        signins, now_us = SignIns(tx.connection, tx.scope), tx.next_ts_us()
        found = await signins.credentials(self.user_id)
        if found.totp_confirmed:
            raise TotpAlreadyOn
        if found.totp_nonce is None:
            raise TotpNotOn
        step = step_of(seed_of(self.factor.secret, self.user_id, found.totp_nonce), self.factor.code, now_us, found.totp_step)
        if step is None:
            raise InvalidTotp
        codes = make_recovery_codes()
        await signins.put(replace(found, totp_confirmed=True, totp_step=step, changed_us=now_us))
        await signins.replace_recovery_codes(self.user_id, [hash_of_code(code) for code in codes])
        await _mark(tx, self.user_id, has_2fa=True)
        return codes


@dataclass(frozen=True, slots=True)
class RemoveTotp:
    """A change. It takes a code to be rid of codes; `factor` None: an administrator's word does."""

    user_id: UserId
    factor: Factor | None
    actor: str

    async def apply(self, tx: Transaction) -> None:
        signins = SignIns(tx.connection, tx.scope)
        found = await signins.credentials(self.user_id)
        if not found.totp_confirmed:
            raise TotpNotOn
        if self.factor is not None:
            await require_factor(tx, found, self.factor)
        cleared = replace(found, totp_nonce=None, totp_confirmed=False, totp_step=0, changed_us=tx.next_ts_us())
        await signins.put(cleared)
        await signins.replace_recovery_codes(self.user_id, [])
        await _mark(tx, self.user_id, has_2fa=False, actor=self.actor)


async def _mark(tx: Transaction, user_id: UserId, *, has_2fa: bool, actor: str = "") -> None:
    user = await require_user(tx.connection, tx.scope, user_id)
    await change_account(tx, user, lambda found: replace(found, has_2fa=has_2fa))
    await note(tx, actor or user_id, "totp.on" if has_2fa else "totp.off", user_id)
