from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.roles.role import Role
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


class Tokens:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def get(self, token_hash: bytes) -> Bearer | None:
        row = (await self._connection.execute(_GET, {"w": self._workspace, "h": token_hash})).one_or_none()
        if row is None:
            return None
        user_id, name, bot_id, app_id, role, scopes, revoked, deleted, team_name, team_domain = row
        shown = ",".join(scopes)
        return Bearer(user_id, name, bot_id, app_id, Role(role), frozenset(scopes), shown, revoked, deleted, team_name, team_domain)

    async def insert(self, token_hash: bytes, user_id: UserId, scopes: tuple[str, ...], now_us: int) -> None:
        values = {"w": self._workspace, "h": token_hash, "u": user_id, "s": list(scopes), "at": now_us}
        await self._connection.execute(_INSERT, values)

    async def change_revoked(self, token_hash: bytes, now_us: int) -> bool:
        """Whether there was such a token."""
        found = await self._connection.execute(_REVOKE, {"w": self._workspace, "h": token_hash, "at": now_us})
        return found.rowcount > 0


_GET = text(
    "SELECT u.user_id, u.name, u.bot_id, u.app_id, u.role, t.scopes, t.revoked_us IS NOT NULL, u.deleted, o.name, o.domain"
    " FROM tokens t JOIN users u ON u.workspace_id = t.workspace_id AND u.user_id = t.user_id"
    " JOIN teams o ON o.workspace_id = t.workspace_id"
    " WHERE t.workspace_id = :w AND t.token_hash = :h"
)
_INSERT = text("INSERT INTO tokens (workspace_id, token_hash, user_id, scopes, created_us) VALUES (:w, :h, :u, CAST(:s AS text[]), :at)")
_REVOKE = text("UPDATE tokens SET revoked_us = coalesce(revoked_us, :at) WHERE workspace_id = :w AND token_hash = :h")
