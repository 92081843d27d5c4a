from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.roles.role import Role
from cells.chat.domain.tokens.token import Token, TokenKind, hash_range_of, token_id_of
from cells.runtime.tenancy import TenantScope
from chassis.identity import AppId, BotId, UserId


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who a token speaks for, and whether it still may."""

    user_id: UserId
    user_name: str
    bot_id: BotId | None
    app_id: AppId | None
    role: Role
    scopes: frozenset[str]
    scopes_shown: str
    revoked: bool
    deleted: bool
    team_name: str = ""
    team_domain: str = ""
    expires_us: int | None = None
    kind: TokenKind = TokenKind.TOKEN
    token_id: str = ""


class Tokens:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def get(self, token_hash: bytes) -> Bearer | None:
        row = (await self._connection.execute(_GET, {"w": self._workspace, "h": token_hash})).one_or_none()
        return _bearer_of(row, token_hash) if row else None

    async def by_id(self, token_id: str) -> Token | None:
        between = hash_range_of(token_id)
        if between is None:
            return None
        row = (await self._connection.execute(_BY_ID, {"w": self._workspace, "lo": between[0], "hi": between[1]})).first()
        return _token_of(row) if row else None

    async def of_user(self, user_id: str, limit: int) -> list[Token]:
        """The newest first, those that are dead included."""
        return [_token_of(row) for row in await self._connection.execute(_OF_USER, {"w": self._workspace, "u": user_id, "n": limit})]

    async def every(self, limit: int) -> list[Token]:
        return [_token_of(row) for row in await self._connection.execute(_EVERY, {"w": self._workspace, "n": limit})]

    async def living(self, token_ids: Sequence[str], now_us: int) -> frozenset[str]:
        """Those of the ids whose tokens are neither revoked nor out of date."""
        known = {token_id: between for token_id in token_ids if (between := hash_range_of(token_id))}
        values = {"w": self._workspace, "ids": list(known), "lo": [lo for lo, _ in known.values()], "hi": [hi for _, hi in known.values()]}
        return frozenset((await self._connection.execute(_LIVING, values | {"now": now_us})).scalars())

    async def insert(self, token: Token) -> None:
        values = {"w": self._workspace, "h": token.token_hash, "u": token.user_id, "s": list(token.scopes), "at": token.created_us}
        more = {"ends": token.expires_us, "kind": str(token.kind), "note": token.note, "agent": token.agent, "address": token.address}
        await self._connection.execute(_INSERT, values | more)

    async def change_revoked(self, token_hash: bytes, now_us: int) -> UserId | None:
        """Whose it was, where there was such a token that had not been revoked."""
        found = await self._connection.execute(_REVOKE, {"w": self._workspace, "h": token_hash, "at": now_us})
        return found.scalar_one_or_none()

    async def change_all_revoked(self, user_id: str, now_us: int, kinds: Sequence[TokenKind] = tuple(TokenKind)) -> list[str]:
        """The ids of the user's tokens that had not been revoked."""
        values = {"w": self._workspace, "u": user_id, "at": now_us, "kinds": [str(kind) for kind in kinds]}
        return [_token_of(row).token_id for row in await self._connection.execute(_REVOKE_ALL, values)]

    async def remove_dead(self, user_id: str, before_us: int) -> None:
        """The user's sessions that ended before then."""
        await self._connection.execute(_REMOVE_DEAD, {"w": self._workspace, "u": user_id, "before": before_us})


def _bearer_of(row: Row[Any], token_hash: bytes) -> Bearer:
    fields = dict(row._mapping)
    scopes, kind, role = fields.pop("scopes"), TokenKind(fields.pop("kind")), Role(fields.pop("role"))
    shown = ",".join(scopes)
    return Bearer(**fields, role=role, scopes=frozenset(scopes), scopes_shown=shown, kind=kind, token_id=token_id_of(token_hash))


def _token_of(row: Row[Any]) -> Token:
    fields = dict(row._mapping)
    return Token(**{**fields, "scopes": tuple(fields["scopes"]), "kind": TokenKind(fields["kind"])})


_GET = text(
    "SELECT u.user_id, u.name AS user_name, u.bot_id, u.app_id, u.role, t.scopes, t.revoked_us IS NOT NULL AS revoked, u.deleted,"
    " o.name AS team_name, o.domain AS team_domain, t.expires_us, t.kind"
    " FROM tokens t JOIN users u ON u.workspace_id = t.workspace_id AND u.user_id = t.user_id"
    " JOIN teams o ON o.workspace_id = t.workspace_id"
    " WHERE t.workspace_id = :w AND t.token_hash = :h"
)
_COLUMNS = "token_hash, user_id, scopes, created_us, revoked_us, expires_us, kind, note, agent, address"
_FROM = f"SELECT {_COLUMNS} FROM tokens WHERE workspace_id = :w"  # noqa: S608 - columns of ours
_BY_ID = text(f"{_FROM} AND token_hash BETWEEN :lo AND :hi")
_OF_USER = text(f"{_FROM} AND user_id = :u ORDER BY created_us DESC LIMIT :n")
_EVERY = text(f"{_FROM} ORDER BY created_us DESC LIMIT :n")
_LIVING = text(
    "SELECT k.id FROM unnest(CAST(:ids AS text[]), CAST(:lo AS bytea[]), CAST(:hi AS bytea[])) AS k (id, lo, hi)"
    " JOIN tokens t ON t.workspace_id = :w AND t.token_hash BETWEEN k.lo AND k.hi"
    " WHERE t.revoked_us IS NULL AND (t.expires_us IS NULL OR t.expires_us > :now)"
)
_INSERT = text(
    "INSERT INTO tokens (workspace_id, token_hash, user_id, scopes, created_us, expires_us, kind, note, agent, address)"
    " VALUES (:w, :h, :u, CAST(:s AS text[]), :at, :ends, :kind, :note, :agent, :address)"
)
_REVOKE = text("UPDATE tokens SET revoked_us = :at WHERE workspace_id = :w AND token_hash = :h AND revoked_us IS NULL RETURNING user_id")
_REVOKE_ALL = text(
    "UPDATE tokens SET revoked_us = :at WHERE workspace_id = :w AND user_id = :u AND revoked_us IS NULL"  # noqa: S608 - columns of ours
    f" AND kind = ANY(CAST(:kinds AS text[])) RETURNING {_COLUMNS}"
)
_REMOVE_DEAD = text(
    "DELETE FROM tokens WHERE workspace_id = :w AND user_id = :u AND kind = 'session' AND (expires_us < :before OR revoked_us < :before)"
)
