from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.signin.lockout import Record
from cells.runtime.tenancy import TenantScope
from chassis.identity import UserId


@dataclass(frozen=True, slots=True)
class Credentials:
    """Nothing in it opens anything: a hash, and a nonce that is worth nothing without the workspace's secret."""

    user_id: UserId
    password_hash: str | None = None
    totp_nonce: bytes | None = None
    totp_confirmed: bool = False
    totp_step: int = 0
    """The last step whose code was used."""
    changed_us: int = 0


class LinkKind(StrEnum):
    SIGN_IN = "signin"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Link:
    link_hash: bytes
    kind: LinkKind
    user_id: UserId
    created_us: int
    expires_us: int
    used_us: int | None = None


class SignIns:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def credentials(self, user_id: str) -> Credentials:
        """Empty ones where none were ever stored."""
        row = (await self._connection.execute(_CREDENTIALS, {"w": self._workspace, "u": user_id})).one_or_none()
        return Credentials(*row) if row else Credentials(UserId(user_id))

    async def put(self, found: Credentials) -> None:
        values = {"w": self._workspace, "u": found.user_id, "hash": found.password_hash, "nonce": found.totp_nonce}
        more = {"confirmed": found.totp_confirmed, "step": found.totp_step, "at": found.changed_us}
        await self._connection.execute(_PUT, values | more)

    async def replace_recovery_codes(self, user_id: str, hashes: Collection[bytes]) -> None:
        await self._connection.execute(_REMOVE_CODES, {"w": self._workspace, "u": user_id})
        await self._connection.execute(_INSERT_CODES, {"w": self._workspace, "u": user_id, "h": list(hashes)})

    async def use_recovery_code(self, user_id: str, code_hash: bytes, now_us: int) -> bool:
        """False where it is none of the user's, or was used."""
        found = await self._connection.execute(_USE_CODE, {"w": self._workspace, "u": user_id, "h": code_hash, "at": now_us})
        return found.rowcount > 0

    async def insert_link(self, link: Link) -> None:
        values = {"w": self._workspace, "h": link.link_hash, "kind": str(link.kind), "u": link.user_id}
        await self._connection.execute(_INSERT_LINK, values | {"at": link.created_us, "ends": link.expires_us})

    async def link(self, link_hash: bytes) -> Link | None:
        row = (await self._connection.execute(_LINK, {"w": self._workspace, "h": link_hash})).one_or_none()
        return Link(row.link_hash, LinkKind(row.kind), row.user_id, row.created_us, row.expires_us, row.used_us) if row else None

    async def change_links_used(self, user_id: str, kind: LinkKind, now_us: int) -> None:
        """All of the user's of that kind: one that was used is the end of the others."""
        await self._connection.execute(_USE_LINKS, {"w": self._workspace, "u": user_id, "kind": str(kind), "at": now_us})

    async def count_links(self, user_id: str, since_us: int) -> int:
        found = await self._connection.execute(_COUNT_LINKS, {"w": self._workspace, "u": user_id, "since": since_us})
        return int(found.scalar_one())

    async def remove_links(self, before_us: int) -> None:
        """Those that went out of date before then."""
        await self._connection.execute(_REMOVE_LINKS, {"w": self._workspace, "before": before_us})

    async def attempts(self, subjects: Collection[str]) -> dict[str, Record]:
        rows = await self._connection.execute(_ATTEMPTS, {"w": self._workspace, "s": list(subjects)})
        return {row.subject: Record(row.failures, row.last_us, row.blocked_until_us) for row in rows}

    async def put_attempts(self, records: Mapping[str, Record]) -> None:
        for subject, record in records.items():
            values = {"w": self._workspace, "s": subject, "n": record.failures, "at": record.last_us, "until": record.blocked_until_us}
            await self._connection.execute(_PUT_ATTEMPT, values)

    async def remove_attempts(self, subjects: Collection[str]) -> None:
        await self._connection.execute(_REMOVE_ATTEMPTS, {"w": self._workspace, "s": list(subjects)})

    async def remove_attempts_before(self, before_us: int) -> None:
        await self._connection.execute(_FORGET_ATTEMPTS, {"w": self._workspace, "before": before_us})


_CREDENTIALS = text(
    "SELECT user_id, password_hash, totp_nonce, totp_confirmed, totp_step, changed_us FROM credentials"
    " WHERE workspace_id = :w AND user_id = :u"
)
_PUT = text(
    "INSERT INTO credentials (workspace_id, user_id, password_hash, totp_nonce, totp_confirmed, totp_step, changed_us)"
    " VALUES (:w, :u, :hash, :nonce, :confirmed, :step, :at) ON CONFLICT (workspace_id, user_id) DO UPDATE"
    " SET password_hash = :hash, totp_nonce = :nonce, totp_confirmed = :confirmed, totp_step = :step, changed_us = :at"
)
_REMOVE_CODES = text("DELETE FROM recovery_codes WHERE workspace_id = :w AND user_id = :u")
_INSERT_CODES = text("INSERT INTO recovery_codes (workspace_id, user_id, code_hash) SELECT :w, :u, h FROM unnest(CAST(:h AS bytea[])) AS h")
_USE_CODE = text("UPDATE recovery_codes SET used_us = :at WHERE workspace_id = :w AND user_id = :u AND code_hash = :h AND used_us IS NULL")
_INSERT_LINK = text(
    "INSERT INTO signin_links (workspace_id, link_hash, kind, user_id, created_us, expires_us) VALUES (:w, :h, :kind, :u, :at, :ends)"
)
_LINK = text(
    "SELECT link_hash, kind, user_id, created_us, expires_us, used_us FROM signin_links WHERE workspace_id = :w AND link_hash = :h"
)
_USE_LINKS = text("UPDATE signin_links SET used_us = :at WHERE workspace_id = :w AND user_id = :u AND kind = :kind AND used_us IS NULL")
_COUNT_LINKS = text("SELECT count(*) FROM signin_links WHERE workspace_id = :w AND user_id = :u AND created_us > :since")
_REMOVE_LINKS = text("DELETE FROM signin_links WHERE workspace_id = :w AND expires_us < :before")
_ATTEMPTS = text(
    "SELECT subject, failures, last_us, blocked_until_us FROM attempts WHERE workspace_id = :w AND subject = ANY(CAST(:s AS text[]))"
)
_PUT_ATTEMPT = text(
    "INSERT INTO attempts (workspace_id, subject, failures, last_us, blocked_until_us) VALUES (:w, :s, :n, :at, :until)"
    " ON CONFLICT (workspace_id, subject) DO UPDATE SET failures = :n, last_us = :at, blocked_until_us = :until"
)
_REMOVE_ATTEMPTS = text("DELETE FROM attempts WHERE workspace_id = :w AND subject = ANY(CAST(:s AS text[]))")
_FORGET_ATTEMPTS = text("DELETE FROM attempts WHERE workspace_id = :w AND last_us < :before")
