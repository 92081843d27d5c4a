"""A token whose time is over takes its sockets along, as one that is revoked does."""

from cells.chat.domain.tokens.events import tokens_revoked
from cells.chat.domain.tokens.repository import Tokens
from cells.runtime.log import Transaction

TOKEN_ENDS = "token_ends"  # noqa: S105 - a name of work, not a secret


async def end_token(tx: Transaction, token_id: str) -> None:
    """Due at its end. Asked later it still answers `token_expired`: nothing is stored."""
    token = await Tokens(tx.connection, tx.scope).by_id(token_id)
    if token is not None and token.revoked_us is None:
        tx.append(tokens_revoked(token.user_id, [token_id], tx.next_ts_us()))
