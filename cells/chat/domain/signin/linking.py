"""Links that are sent by mail: good once, for 15 minutes."""

import secrets
from dataclasses import dataclass

from cells.chat.domain.signin.repository import Link, LinkKind, SignIns
from cells.chat.domain.tokens.service import hash_of
from cells.chat.domain.users.repository import Users
from cells.runtime.log import Transaction

LIFETIME_US = 15 * 60 * 1_000_000
PER_HOUR_MAX = 5
"""Of one person, so that nobody's mailbox is filled by others."""
_HOUR_US = 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class MakeLink:
    """A change; returns the code, of which a hash is kept. None: nobody active has the address, or they got enough of them."""

    email: str
    kind: LinkKind

    async def apply(self, tx: Transaction) -> str | None:
        user = await Users(tx.connection, tx.scope).get_by_email(self.email)
        if user is None or user.deleted or user.bot_id is not None:
            return None
        signins, now_us = SignIns(tx.connection, tx.scope), tx.next_ts_us()
        await signins.remove_links(now_us - _HOUR_US)
        if await signins.count_links(user.user_id, now_us - _HOUR_US) >= PER_HOUR_MAX:
            return None
        code = secrets.token_urlsafe(32)
        await signins.insert_link(Link(hash_of(code), self.kind, user.user_id, now_us, now_us + LIFETIME_US))
        return code
