"""A token by an administrator's hand."""

from dataclasses import dataclass

from cells.chat.domain.accounts.service import Actor
from cells.chat.domain.audits.service import note
from cells.chat.domain.roles.role import Role
from cells.chat.domain.tokens.errors import InvalidExpiry
from cells.chat.domain.tokens.service import insert_token
from cells.chat.domain.tokens.token import NewToken, Token
from cells.chat.domain.users.errors import CannotChangeOwner, UserDisabled
from cells.chat.domain.users.service import require_user
from cells.runtime.log import Transaction

EXPIRES_S_MIN, EXPIRES_S_MAX = 60, 10 * 366 * 86_400


def checked_expiry(expires_in_s: int | None, now_us: int) -> int | None:
    """None: never. Raises InvalidExpiry."""
    if expires_in_s is None:
        return None
    if not EXPIRES_S_MIN <= expires_in_s <= EXPIRES_S_MAX:
        raise InvalidExpiry(f"a token lives {EXPIRES_S_MIN} s to 10 years")
    return now_us + expires_in_s * 1_000_000


@dataclass(frozen=True, slots=True)
class GrantToken:
    """A change. Nobody gets more than they are: a token of an owner is given out by owners alone."""

    user_id: str
    scopes: tuple[str, ...]
    expires_us: int | None
    note: str
    actor: Actor

    async def apply(self, tx: Transaction) -> tuple[str, Token]:
        user = await require_user(tx.connection, tx.scope, self.user_id)
        if user.deleted:
            raise UserDisabled
        own = user.user_id == self.actor.user_id
        if user.role.is_owner and not own and (user.role is Role.PRIMARY_OWNER or not self.actor.role.is_owner):
            raise CannotChangeOwner
        token, kept = await insert_token(tx, NewToken(user, self.scopes, self.expires_us, note=self.note))
        await note(tx, self.actor.user_id, "token.created", user.user_id, detail=f"{kept.token_id}: {','.join(self.scopes)}")
        return token, kept
