"""Making, reading and taking back tokens."""

import hashlib
from dataclasses import dataclass

from cells.chat.domain.tokens.errors import InvalidAuth
from cells.chat.domain.tokens.repository import Tokens
from cells.chat.domain.users.user import User
from cells.runtime.log import Transaction
from chassis.identity import make_bot_token, make_user_token


def hash_of(token: str) -> bytes:
    """Tokens hold 96 random bits and more, so one plain SHA-256 is enough to keep them unreadable at rest."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


async def create_token(tx: Transaction, user: User, scopes: tuple[str, ...]) -> str:
    """A new token of the user, shown this once."""
    make = make_bot_token if user.bot_id else make_user_token
    token = make(tx.scope.workspace_id, user.user_id)
    await Tokens(tx.connection, tx.scope).insert(hash_of(token), user.user_id, scopes, tx.next_ts_us())
    return token


@dataclass(frozen=True, slots=True)
class RevokeToken:
    """A change; revoking twice is no error."""

    token: str

    async def apply(self, tx: Transaction) -> None:
        if not await Tokens(tx.connection, tx.scope).change_revoked(hash_of(self.token), tx.next_ts_us()):
            raise InvalidAuth("no such token in this workspace")
