"""Making, reading and taking back tokens."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cells.chat.domain.audits.service import note
from cells.chat.domain.tokens.ending import TOKEN_ENDS
from cells.chat.domain.tokens.errors import InvalidAuth, TokenNotFound
from cells.chat.domain.tokens.events import tokens_revoked
from cells.chat.domain.tokens.repository import Tokens
from cells.chat.domain.tokens.token import NewToken, Token, TokenKind, token_id_of
from cells.chat.domain.users.user import User
from cells.runtime.jobs import plan_due
from cells.runtime.log import Transaction
from chassis.identity import make_bot_token, make_user_token

KEPT_AFTER_END_US = 30 * 86_400 * 1_000_000
NOTE_LENGTH_MAX = 200


def hash_of(token: str) -> bytes:
    """Tokens hold 96 random bits and more, so one plain SHA-256 is enough to keep them unreadable at rest."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


async def create_token(tx: Transaction, user: User, scopes: tuple[str, ...]) -> str:
    """A new token of the user that does not expire, shown this once."""
    return (await insert_token(tx, NewToken(user, scopes)))[0]


async def insert_token(tx: Transaction, wanted: NewToken) -> tuple[str, Token]:
    """The token itself, shown this once, and what is kept of it. Sessions of the user that ended long ago are forgotten."""
    user, now_us = wanted.user, tx.next_ts_us()
    make = make_bot_token if user.bot_id else make_user_token
    secret = make(tx.scope.workspace_id, user.user_id)
    shown = {"note": wanted.note[:NOTE_LENGTH_MAX], "agent": wanted.agent[:NOTE_LENGTH_MAX], "address": wanted.address}
    token = Token(hash_of(secret), user.user_id, wanted.scopes, now_us, None, wanted.expires_us, wanted.kind, **shown)
    tokens = Tokens(tx.connection, tx.scope)
    await tokens.insert(token)
    if token.expires_us is not None:
        await plan_due(tx, TOKEN_ENDS, token.token_id, token.expires_us)
    if wanted.kind is TokenKind.SESSION:
        await tokens.remove_dead(user.user_id, now_us - KEPT_AFTER_END_US)
    return secret, token


async def revoke_all(tx: Transaction, user_id: str, kinds: Sequence[TokenKind] = tuple(TokenKind)) -> int:
    """Every token of the user that lives, and the sockets opened with them; returns how many."""
    ids = await Tokens(tx.connection, tx.scope).change_all_revoked(user_id, tx.next_ts_us(), kinds)
    if ids:
        tx.append(tokens_revoked(user_id, ids, tx.next_ts_us()))
    return len(ids)


@dataclass(frozen=True, slots=True)
class RevokeToken:
    """A change; revoking twice is no error."""

    token: str
    actor: str = ""

    async def apply(self, tx: Transaction) -> None:
        token_hash = hash_of(self.token)
        if await Tokens(tx.connection, tx.scope).get(token_hash) is None:
            raise InvalidAuth("no such token in this workspace")
        await _revoke(tx, token_hash, self.actor)


@dataclass(frozen=True, slots=True)
class RevokeTokenById:
    """A change. `owner_id`: of this user's tokens alone; `kind`: of these alone."""

    token_id: str
    actor: str
    owner_id: str | None = None
    kind: TokenKind | None = None

    async def apply(self, tx: Transaction) -> Token:
        token = await Tokens(tx.connection, tx.scope).by_id(self.token_id)
        if token is None or self.owner_id not in (None, token.user_id) or self.kind not in (None, token.kind):
            raise TokenNotFound
        await _revoke(tx, token.token_hash, self.actor)
        return token


async def _revoke(tx: Transaction, token_hash: bytes, actor: str) -> None:
    now_us = tx.next_ts_us()
    user_id = await Tokens(tx.connection, tx.scope).change_revoked(token_hash, now_us)
    if user_id is not None:
        tx.append(tokens_revoked(user_id, [token_id_of(token_hash)], now_us))
        await note(tx, actor or user_id, "token.revoked", user_id, detail=token_id_of(token_hash))
