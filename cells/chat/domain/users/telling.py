"""Telling of a user who is not as before."""

from cells.chat.domain.users.events import user_changed
from cells.chat.domain.users.repository import Users
from cells.chat.domain.users.user import User
from cells.runtime.log import Transaction

GUESTS_TOLD_MAX = 1_000
"""Guests beyond it learn of it when they read next."""


async def tell_changed(tx: Transaction, user: User) -> None:
    """To all who may know of the user."""
    guests = await Users(tx.connection, tx.scope).guests_beside(user.user_id, GUESTS_TOLD_MAX)
    tx.append(user_changed(user, tx.scope.workspace_id, guests))
