from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.invitations.invitation import Invitation
from cells.chat.domain.roles.role import Role
from cells.runtime.tenancy import TenantScope


class Invitations:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def get(self, invitation_id: str) -> Invitation | None:
        row = (await self._connection.execute(_GET, {"w": self._workspace, "id": invitation_id})).one_or_none()
        return _invitation_of(row) if row else None

    async def by_code(self, code_hash: bytes) -> Invitation | None:
        row = (await self._connection.execute(_BY_CODE, {"w": self._workspace, "h": code_hash})).one_or_none()
        return _invitation_of(row) if row else None

    async def open(self, now_us: int, limit: int) -> list[Invitation]:
        """The newest first."""
        rows = await self._connection.execute(_OPEN, {"w": self._workspace, "now": now_us, "n": limit})
        return [_invitation_of(row) for row in rows]

    async def count_open(self, now_us: int) -> int:
        return int((await self._connection.execute(_COUNT_OPEN, {"w": self._workspace, "now": now_us})).scalar_one())

    async def insert(self, invitation: Invitation, code_hash: bytes) -> None:
        """Earlier ones of the same address that are open are taken back."""
        mine = {"w": self._workspace, "email": invitation.email, "at": invitation.created_us}
        await self._connection.execute(_REPLACE, mine)
        values = {"id": invitation.invitation_id, "h": code_hash, "name": invitation.real_name, "role": str(invitation.role)}
        more = {"c": list(invitation.channel_ids), "by": invitation.inviter_id, "ends": invitation.expires_us}
        await self._connection.execute(_INSERT, mine | values | more)

    async def change_accepted(self, invitation_id: str, user_id: str) -> None:
        await self._connection.execute(_ACCEPT, {"w": self._workspace, "id": invitation_id, "u": user_id})

    async def change_revoked(self, invitation_id: str, now_us: int) -> None:
        await self._connection.execute(_REVOKE, {"w": self._workspace, "id": invitation_id, "at": now_us})


def _invitation_of(row: Row[Any]) -> Invitation:
    fields = dict(row._mapping)
    return Invitation(**{**fields, "role": Role(fields["role"]), "channel_ids": tuple(fields["channel_ids"])})


_COLUMNS = "invitation_id, email, real_name, role, channel_ids, inviter_id, created_us, expires_us, accepted_by, revoked_us"
_FROM = f"SELECT {_COLUMNS} FROM invitations WHERE workspace_id = :w"  # noqa: S608 - columns of ours
_GET = text(f"{_FROM} AND invitation_id = :id")
_BY_CODE = text(f"{_FROM} AND code_hash = :h")
_OPEN = text(f"{_FROM} AND accepted_by IS NULL AND revoked_us IS NULL AND expires_us > :now ORDER BY created_us DESC LIMIT :n")
_COUNT_OPEN = text(
    "SELECT count(*) FROM invitations WHERE workspace_id = :w AND accepted_by IS NULL AND revoked_us IS NULL AND expires_us > :now"
)
_REPLACE = text(
    "UPDATE invitations SET revoked_us = :at WHERE workspace_id = :w AND lower(email) = lower(:email)"
    " AND accepted_by IS NULL AND revoked_us IS NULL"
)
_INSERT = text(
    "INSERT INTO invitations"
    " (workspace_id, invitation_id, code_hash, email, real_name, role, channel_ids, inviter_id, created_us, expires_us)"
    " VALUES (:w, :id, :h, :email, :name, :role, CAST(:c AS text[]), :by, :at, :ends)"
)
_ACCEPT = text("UPDATE invitations SET accepted_by = :u WHERE workspace_id = :w AND invitation_id = :id")
_REVOKE = text("UPDATE invitations SET revoked_us = :at WHERE workspace_id = :w AND invitation_id = :id")
