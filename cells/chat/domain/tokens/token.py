from dataclasses import dataclass
from enum import StrEnum

from cells.chat.domain.users.user import User
from chassis.identity import UserId

SHOWN_BYTES = 8


class TokenKind(StrEnum):
    TOKEN = "token"  # noqa: S105 - a word, not a secret
    """Made by an administrator, for programs."""
    SESSION = "session"
    """A person who signed in."""


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token: enough to name it, not to use it."""

    token_hash: bytes
    user_id: UserId
    scopes: tuple[str, ...]
    created_us: int
    revoked_us: int | None = None
    expires_us: int | None = None
    kind: TokenKind = TokenKind.TOKEN
    note: str = ""
    agent: str = ""
    address: str = ""

    @property
    def token_id(self) -> str:
        return token_id_of(self.token_hash)

    def lives(self, now_us: int) -> bool:
        return self.revoked_us is None and (self.expires_us is None or self.expires_us > now_us)


@dataclass(frozen=True, slots=True)
class NewToken:
    """What a token is to be."""

    user: User
    scopes: tuple[str, ...]
    expires_us: int | None = None
    kind: TokenKind = TokenKind.TOKEN
    note: str = ""
    agent: str = ""
    address: str = ""


def token_id_of(token_hash: bytes) -> str:
    """Names a token without being one: `K` and the first 64 bits of its hash."""
    return "K" + token_hash[:SHOWN_BYTES].hex().upper()


def hash_range_of(token_id: str) -> tuple[bytes, bytes] | None:
    """The least and the greatest hash that the id may stand for; None where it is none."""
    try:
        first = bytes.fromhex(token_id.removeprefix("K")) if token_id.startswith("K") and token_id.isascii() else b""
    except ValueError:
        return None
    return (first + b"\0" * (32 - SHOWN_BYTES), first + b"\xff" * (32 - SHOWN_BYTES)) if len(first) == SHOWN_BYTES else None
