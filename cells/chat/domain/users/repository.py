from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cells.chat.domain.roles.role import Role
from cells.chat.domain.users.user import User
from cells.runtime.tenancy import TenantScope


class Users:
    def __init__(self, connection: AsyncConnection, scope: TenantScope) -> None:
        self._connection = connection
        self._workspace = scope.workspace_id

    async def get(self, user_id: str) -> User | None:
        row = (await self._connection.execute(_BY_ID, {"w": self._workspace, "id": user_id})).one_or_none()
        return user_of(row) if row else None

    async def get_many(self, user_ids: Sequence[str]) -> dict[str, User]:
        """Those of `user_ids` that are users here, by id."""
        rows = await self._connection.execute(_BY_IDS, {"w": self._workspace, "ids": list(user_ids)})
        return {row.user_id: user_of(row) for row in rows}

    async def get_by_email(self, email: str) -> User | None:
        row = (await self._connection.execute(_BY_EMAIL, {"w": self._workspace, "email": email})).one_or_none()
        return user_of(row) if row else None

    async def page(self, after_id: str, limit: int) -> list[User]:
        """In the order of ids, after `after_id`; at most `limit`."""
        rows = await self._connection.execute(_LIST, {"w": self._workspace, "after": after_id, "n": limit})
        return [user_of(row) for row in rows]

    async def guests_beside(self, user_id: str, limit: int) -> list[str]:
        """Guests who share a conversation with the user; at most `limit`."""
        rows = await self._connection.execute(_GUESTS_BESIDE, {"w": self._workspace, "id": user_id, "n": limit})
        return [row.user_id for row in rows]

    async def names_like(self, stem: str) -> frozenset[str]:
        rows = await self._connection.execute(_NAMES, {"w": self._workspace, "stem": stem})
        return frozenset(row.name for row in rows)

    async def insert(self, user: User) -> None:
        await self._connection.execute(
            _INSERT,
            {
                "w": self._workspace,
                "id": user.user_id,
                "name": user.name,
                "real_name": user.real_name,
                "email": user.email,
                "bot_id": user.bot_id,
                "app_id": user.app_id,
                "role": str(user.role),
                "deleted": user.deleted,
                "created": user.created_us,
                "updated": user.updated_us,
                "profile": user.profile,
            },
        )

    async def change_profile(self, user: User) -> None:
        values = {"w": self._workspace, "id": user.user_id, "name": user.real_name, "profile": user.profile, "at": user.updated_us}
        await self._connection.execute(_CHANGE_PROFILE, values)

    async def change_account(self, user: User) -> None:
        """What an administrator decides, and what the account is: role, switched off or on, second factor, time zone."""
        values = {"w": self._workspace, "id": user.user_id, "role": str(user.role), "deleted": user.deleted, "at": user.updated_us}
        await self._connection.execute(_CHANGE_ACCOUNT, values | {"tz": user.tz, "has_2fa": user.has_2fa, "email": user.email})


def user_of(row: Row[Any]) -> User:
    """The columns come by the fields' names."""
    fields = dict(row._mapping)
    return User(**{**fields, "role": Role(fields["role"])})


_COLUMNS = "user_id, name, real_name, email, bot_id, app_id, role, deleted, created_us, updated_us, profile"
_FROM = f"SELECT {_COLUMNS}, tz, has_2fa FROM users WHERE workspace_id = :w"  # noqa: S608 - columns of ours
_BY_ID = text(f"{_FROM} AND user_id = :id")
_BY_IDS = text(f"{_FROM} AND user_id = ANY(CAST(:ids AS text[]))")
_BY_EMAIL = text(f"{_FROM} AND lower(email) = lower(:email)")
_LIST = text(f"{_FROM} AND user_id > :after ORDER BY user_id LIMIT :n")
_GUESTS_BESIDE = text(
    "SELECT g.user_id FROM users g WHERE g.workspace_id = :w AND g.role IN ('guest', 'single_guest') AND NOT g.deleted AND g.user_id <> :id"
    " AND EXISTS (SELECT 1 FROM members theirs JOIN members mine ON mine.workspace_id = :w AND mine.channel_id = theirs.channel_id"
    " AND mine.user_id = :id WHERE theirs.workspace_id = :w AND theirs.user_id = g.user_id) ORDER BY g.user_id LIMIT :n"
)
_NAMES = text("SELECT name FROM users WHERE workspace_id = :w AND starts_with(name, :stem)")
_INSERT = text(
    f"INSERT INTO users (workspace_id, {_COLUMNS})"  # noqa: S608 - columns of ours
    " VALUES (:w, :id, :name, :real_name, :email, :bot_id, :app_id, :role, :deleted, :created, :updated, :profile)"
)
_CHANGE_ACCOUNT = text(
    "UPDATE users SET role = :role, deleted = :deleted, tz = :tz, has_2fa = :has_2fa, email = :email, updated_us = :at"
    " WHERE workspace_id = :w AND user_id = :id"
)
_CHANGE_PROFILE = text("UPDATE users SET real_name = :name, profile = :profile, updated_us = :at WHERE workspace_id = :w AND user_id = :id")
