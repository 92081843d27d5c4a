"""Tickets for sockets: signed with the workspace's own secret, good for one use within 30 s."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from cells.chat.domain.tokens.repository import Bearer
from chassis.identity import UserId

LIFETIME_S = 30
_PARTS = 8


@dataclass(frozen=True, slots=True)
class Ticket:
    user_id: UserId
    token_id: str
    may_post: bool
    bot_id: str
    app_id: str
    expires_s: int
    nonce: str


def make_ticket(secret: bytes, bearer: Bearer, now_us: int, *, may_post: bool) -> str:
    """A person's has no bot and no app: these parts are empty."""
    who = f"{bearer.user_id}.{bearer.token_id}.{bearer.bot_id or ''}.{bearer.app_id or ''}"
    fields = f"{who}.{'w' if may_post else 'r'}.{now_us // 1_000_000 + LIFETIME_S}.{secrets.token_hex(8)}"
    return f"{fields}.{_signature(secret, fields)}"


def read_ticket(secret: bytes, text: str, now_us: int) -> Ticket | None:
    """None where it is forged, of another workspace, or out of date. Whether it was used before is not known here."""
    fields, _, signature = text.rpartition(".")
    if not text.isascii() or len(text.split(".")) != _PARTS or not hmac.compare_digest(signature, _signature(secret, fields)):
        return None
    user_id, token_id, bot_id, app_id, right, expires, nonce = fields.split(".")
    if int(expires) <= now_us // 1_000_000:
        return None
    return Ticket(UserId(user_id), token_id, right == "w", bot_id, app_id, int(expires), nonce)


def _signature(secret: bytes, fields: str) -> str:
    return hmac.new(secret, b"rtm." + fields.encode(), hashlib.sha256).hexdigest()
